//! Where the prompt keeps what was entered.

use std::ffi::OsString;
use std::path::PathBuf;

/// The history file in the user's state directory, which is made if it does
/// not exist; `None` if there is nowhere to put it.
pub fn file() -> Option<PathBuf> {
    let folder = folder(&|name| std::env::var_os(name))?;
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// `$XDG_STATE_HOME/gene`, by default `~/.local/state/gene`. The XDG
/// specification says to ignore relative paths.
fn folder(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("gene"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory() {
        let with = |state: &'static str, home: &'static str| {
            folder(&move |name| {
                let value = if name == "HOME" { home } else { state };
                (!value.is_empty()).then(|| value.into())
            })
        };
        assert_eq!(with("/s", "/h"), Some("/s/gene".into()));
        assert_eq!(with("s", "/h"), Some("/h/.local/state/gene".into()));
        assert_eq!(with("", ""), None);
    }
}
