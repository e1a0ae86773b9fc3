//! JSON: typed column buffers in, payloads out.
