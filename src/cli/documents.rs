//! The manual page and the completions, made from the table of flags.

use std::io::{self, Write};

use clap::CommandFactory;

use super::flags::Cli;

/// Writes the page of `gene`, or of one of its commands; false if there is no
/// such command.
pub fn man(command: Option<&str>, out: &mut impl Write) -> io::Result<bool> {
    let mut table = Cli::command();
    table.build();
    let described = match command {
        None => table,
        Some(name) => match table.find_subcommand(name) {
            Some(found) => found.clone(),
            None => return Ok(false),
        },
    };
    clap_mangen::Man::new(described).render(out)?;
    Ok(true)
}

/// Writes the completions for a shell.
pub fn completions(shell: clap_complete::Shell, out: &mut impl Write) {
    clap_complete::generate(shell, &mut Cli::command(), "gene", out);
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_page_names_flags_and_commands() {
        let mut page = Vec::new();
        assert!(man(None, &mut page).unwrap());
        let page = String::from_utf8(page).unwrap();
        for word in ["gene", "strict\\-nil", "max\\-heap", "compile", "NO_COLOR", "Exit code"] {
            assert!(page.contains(word), "{word} is missing:\n{page}");
        }
        let mut page = Vec::new();
        assert!(man(Some("parse"), &mut page).unwrap());
        assert!(String::from_utf8(page).unwrap().contains("check"));
        assert!(!man(Some("nonsense"), &mut Vec::new()).unwrap());
    }

    #[test]
    fn completions_name_flags_and_commands() {
        for shell in clap_complete::Shell::value_variants() {
            let mut text = Vec::new();
            completions(*shell, &mut text);
            let text = String::from_utf8(text).unwrap();
            for word in ["max-depth", "verify-heap", "compile", "eval"] {
                assert!(text.contains(word), "{word} is missing for {shell}");
            }
        }
    }
}
