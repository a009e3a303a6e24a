//! The genes that are measured: built from this tree, from a commit, or there already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A binary, and the commit it was built from if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gene {
    pub path: PathBuf,
    pub commit: Option<String>,
}

/// The gene of the sources as they are, built if it is not up to date.
///
/// # Errors
///
/// It cannot be built.
pub fn of_sources(repository: &Path) -> Result<Gene> {
    cargo_build(repository, &repository.join("target"))?;
    let commit = git(repository, &["describe", "--always", "--dirty"]);
    Ok(Gene { path: repository.join("target/release/gene"), commit })
}

/// The gene that a command line names: a file, or a commit of this repository, which
/// is built in a tree of its own below `target/perf` and kept there.
///
/// # Errors
///
/// There is neither, or it cannot be built.
pub fn named(repository: &Path, name: &str) -> Result<Gene> {
    let path = Path::new(name);
    if path.is_file() {
        return Ok(Gene { path: path.to_owned(), commit: None });
    }
    let revision = format!("{name}^{{commit}}");
    let Some(commit) = git(repository, &["rev-parse", "--verify", "--quiet", &revision]) else {
        bail!("{name} is neither a file nor a commit");
    };
    of_commit(repository, &commit)
}

fn of_commit(repository: &Path, commit: &str) -> Result<Gene> {
    let short = commit.get(..12).unwrap_or(commit);
    let folder = repository.join("target/perf");
    let gene = Gene { path: folder.join(format!("gene-{short}")), commit: Some(short.to_owned()) };
    if gene.path.is_file() {
        return Ok(gene);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // One tree for all commits, so that crates are compiled once.
    let tree = folder.join("tree");
    let tree_name = tree.to_string_lossy().into_owned();
    let checked_out = match tree.join(".git").exists() {
        true => git(&tree, &["checkout", "--quiet", "--detach", "--force", commit]),
        false => {
            // A tree that was removed by hand is still listed.
            git(repository, &["worktree", "prune"]);
            git(repository, &["worktree", "add", "--detach", "--force", &tree_name, commit])
        }
    };
    checked_out.with_context(|| format!("cannot check {short} out into {tree_name}"))?;
    let target = folder.join("build");
    cargo_build(&tree, &target)?;
    let built = target.join("release/gene");
    fs::copy(&built, &gene.path).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(gene)
}

/// Builds the command with optimisation. Cargo tells on standard error what it does.
fn cargo_build(tree: &Path, target: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--bin", "gene"]).current_dir(tree);
    let status = command.env("CARGO_TARGET_DIR", target).status();
    if !status.context("cargo cannot be started")?.success() {
        bail!("gene cannot be built in {}", tree.display());
    }
    Ok(())
}

/// What git answers, perhaps nothing; `None` if it fails.
fn git(tree: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(tree).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn a_file_is_taken_as_it_is() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let name = file.to_string_lossy().into_owned();
        let gene = named(&repository(), &name).unwrap();
        assert_eq!(gene, Gene { path: file, commit: None });
    }

    #[test]
    fn what_is_neither_file_nor_commit_is_refused() {
        let error = named(&repository(), "no-such-thing").unwrap_err().to_string();
        assert_eq!(error, "no-such-thing is neither a file nor a commit");
    }
}
