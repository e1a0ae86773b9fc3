//! What a pipeline shows of itself, seen by a real Prometheus: its rules, its dashboard, and its alerts during a run.

mod connections;
mod long;
mod rules;
mod run;
mod scraped;
mod watched;
