//! Colours for what is typed.

use std::ops::Range;

use super::complete::SPECIAL_FORMS;
use crate::cli::lexer::{self, Token};

const RESET: &str = "\x1b[0m";
const GREY: &str = "\x1b[90m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const YELLOW: &str = "\x1b[33m";
const MAGENTA: &str = "\x1b[35m";
const BLUE: &str = "\x1b[1;34m";
/// For what is wrong.
pub const RED: &str = "\x1b[1;31m";
const MATCHING: &str = "\x1b[1;4m";

/// The text with colours: each kind of literal, special forms, brackets
/// without partner, and the pair of brackets at the cursor.
pub fn highlight(text: &str, cursor: usize) -> String {
    let tokens = lexer::tokens(text);
    let partners = partners(text, &tokens);
    let marked = pair_at(&tokens, &partners, cursor);
    let mut out = String::with_capacity(2 * text.len());
    let mut head = false;
    for (index, (token, range)) in tokens.iter().enumerate() {
        let word = &text[range.clone()];
        let colour = match token {
            Token::Open | Token::Close if marked.is_some_and(|(a, b)| index == a || index == b) => {
                MATCHING
            }
            // What is still open is being typed.
            Token::Close if partners[index].is_none() => RED,
            Token::Symbol if head && SPECIAL_FORMS.contains(&word) => BLUE,
            token => colour_of(*token),
        };
        if !matches!(token, Token::Blank | Token::Comment) {
            head = *token == Token::Open && word.ends_with('(');
        }
        paint(&mut out, colour, word);
    }
    out
}

/// Colours a text that is not being typed.
pub fn paint(out: &mut String, colour: &str, text: &str) {
    if colour.is_empty() {
        return out.push_str(text);
    }
    out.push_str(colour);
    out.push_str(text);
    out.push_str(RESET);
}

fn colour_of(token: Token) -> &'static str {
    match token {
        Token::Comment => GREY,
        Token::Text | Token::Regex => GREEN,
        Token::Number => CYAN,
        Token::Constant => MAGENTA,
        Token::Key => YELLOW,
        Token::Blank | Token::Symbol | Token::Open | Token::Close | Token::Mark => "",
    }
}

type Tokens = [(Token, Range<usize>)];

/// For every bracket the index of its partner.
fn partners(text: &str, tokens: &Tokens) -> Vec<Option<usize>> {
    let mut partners = vec![None; tokens.len()];
    let mut open: Vec<(usize, u8)> = Vec::new();
    for (index, (token, range)) in tokens.iter().enumerate() {
        let last = text.as_bytes()[range.end - 1];
        match token {
            Token::Open => open.push((index, last)),
            Token::Close => {
                let wanted = match last {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if open.last().is_some_and(|(_, bracket)| *bracket == wanted)
                    && let Some((start, _)) = open.pop()
                {
                    partners[index] = Some(start);
                    partners[start] = Some(index);
                }
            }
            _ => {}
        }
    }
    partners
}

/// The brackets to mark: the one at the cursor or just before it, and its partner.
fn pair_at(tokens: &Tokens, partners: &[Option<usize>], cursor: usize) -> Option<(usize, usize)> {
    let bracket = |index: usize| matches!(tokens[index].0, Token::Open | Token::Close);
    let at = tokens.iter().position(|(_, range)| range.contains(&cursor));
    let before = tokens.iter().position(|(_, range)| range.end == cursor);
    let index = at.filter(|i| bracket(*i)).or(before.filter(|i| bracket(*i)))?;
    Some((index, partners[index]?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut rest = text;
        let mut out = String::new();
        while let Some(start) = rest.find('\x1b') {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            rest = &rest[rest.find('m').unwrap() + 1..];
        }
        out + rest
    }

    #[test]
    fn only_colours_are_added() {
        for text in ["(if a \"b\" # c\n 1)", "#\"a#{(f)}\" ]", "", "((", "'", "é\\"] {
            for cursor in 0..=text.len() + 1 {
                assert_eq!(plain(&highlight(text, cursor)), text);
            }
        }
    }

    #[test]
    fn special_forms_stand_at_the_head() {
        assert!(highlight("(if a b)", 99).contains("\x1b[1;34mif"));
        assert_eq!(highlight("(f if)", 99), "(f if)");
    }

    #[test]
    fn brackets_at_the_cursor_are_marked() {
        let marked = "\x1b[1;4m(\x1b[0mf x\x1b[1;4m)\x1b[0m";
        assert_eq!(highlight("(f x)", 0), marked);
        assert_eq!(highlight("(f x)", 4), marked);
        assert_eq!(highlight("(f x)", 5), marked);
        assert_eq!(highlight("(f x)", 3), "(f x)");
    }

    #[test]
    fn a_closing_bracket_too_many_is_red() {
        assert!(highlight("(f))", 99).ends_with("\x1b[1;31m)\x1b[0m"));
        assert!(highlight("(f]", 99).contains("\x1b[1;31m]"));
        assert!(!highlight("#\"#{a} #(b)\"", 99).contains(RED));
    }
}
