//! Whether all peers printed the same.

/// A peer whose output differs from that of the others.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub peer: String,
    /// What went wrong, for the record.
    pub message: String,
}

/// Compares outputs, given as peer and text in the order of the peers.
///
/// What most peers printed is taken as right; if two outputs are equally
/// frequent, the one that a peer other than Gene printed, and then the one
/// that comes first. Blanks at the ends do not count.
pub fn check(outputs: &[(&str, &str)]) -> (Option<String>, Vec<Mismatch>) {
    let agreed = outputs.iter().enumerate().max_by_key(|(position, (_, text))| {
        let same: Vec<&str> =
            outputs.iter().filter(|(_, t)| t.trim() == text.trim()).map(|(p, _)| *p).collect();
        let foreign = same.iter().any(|peer| !matches!(*peer, "gene" | "baseline"));
        (same.len(), foreign, std::cmp::Reverse(*position))
    });
    let Some((_, (witness, right))) = agreed else { return (None, Vec::new()) };
    let mismatches = outputs
        .iter()
        .filter(|(_, text)| text.trim() != right.trim())
        .map(|(peer, text)| Mismatch {
            peer: (*peer).to_owned(),
            message: format!("printed {:?}, but {witness} {:?}", excerpt(text), excerpt(right)),
        })
        .collect();
    (Some(right.trim().to_owned()), mismatches)
}

/// The beginning of a text, short enough for a message.
fn excerpt(text: &str) -> String {
    const LIMIT: usize = 80;
    let text = text.trim();
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_outputs_agree_whatever_their_line_ends() {
        let (right, wrong) = check(&[("gene", "1 2\n"), ("lua", "1 2"), ("node", "1 2\r\n")]);
        assert_eq!(right.as_deref(), Some("1 2"));
        assert_eq!(wrong, []);
    }

    #[test]
    fn the_minority_is_wrong() {
        let (right, wrong) = check(&[("gene", "1"), ("lua", "2"), ("node", "1")]);
        assert_eq!(right.as_deref(), Some("1"));
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].peer, "lua");
        assert_eq!(wrong[0].message, "printed \"2\", but gene \"1\"");
    }

    #[test]
    fn against_a_single_peer_gene_is_wrong() {
        let (right, wrong) = check(&[("gene", "1"), ("lua", "2")]);
        assert_eq!(right.as_deref(), Some("2"));
        assert_eq!(wrong[0].peer, "gene");
        let (right, _) = check(&[("gene", "1"), ("lua", "2"), ("baseline", "2")]);
        assert_eq!(right.as_deref(), Some("2"));
    }

    #[test]
    fn nothing_agrees_with_nothing() {
        assert_eq!(check(&[]), (None, Vec::new()));
    }

    #[test]
    fn long_outputs_are_cut_in_messages() {
        assert_eq!(excerpt(&"ä".repeat(100)).chars().count(), 83);
    }
}
