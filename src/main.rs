//! The binary: parse, dispatch, and the exit code that an error's kind stands for.

#![deny(clippy::print_stdout, reason = "`say` knows of readers that have seen enough")]

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
