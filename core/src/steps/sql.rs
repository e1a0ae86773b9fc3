//! SQL step.
