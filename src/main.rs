//! The binary: parse, dispatch, and the exit code that an error's kind stands for.

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
