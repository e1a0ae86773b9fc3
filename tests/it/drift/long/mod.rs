//! What takes long: the figures of docs/drift.md, and Evidently's packages.

mod evidently;
mod figures;
