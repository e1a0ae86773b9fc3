//! Model step.
