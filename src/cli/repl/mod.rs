//! The prompt.
//!
//! - `command`: entries such as `:help`
//! - `complete`, `highlight`: words and colours while typing
//! - `helper`: what connects them with the line editor
mod command;
mod complete;
mod helper;
mod highlight;
