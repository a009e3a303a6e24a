//! Compiled modules on disk.
