//! The runtimes that are compared: how each is found, called and named.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::build::Gene;
use crate::machine;
use crate::record::PeerInfo;

/// The runtimes that `--peers` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeerKind {
    Gene,
    Lua,
    Luajit,
    Node,
    Python,
    Ruby,
}

/// A runtime that is installed and ready to run programs.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What goes into the record.
    pub info: PeerInfo,
    /// Extension of the sources it runs.
    pub extension: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Peer {
    /// The command that runs a source file with a size as its argument.
    pub fn command(&self, source: &Path, size: Option<&str>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(source).args(size);
        command
    }
}

/// Which runtimes to look for.
pub struct Request {
    pub kinds: Vec<PeerKind>,
    pub gene: Option<Gene>,
    pub gene_args: Vec<String>,
    pub baseline: Option<Gene>,
}

/// How a runtime other than Gene is found.
struct Host {
    name: &'static str,
    extension: &'static str,
    /// Commands to try, the first one that answers is taken.
    commands: &'static [&'static str],
    version: &'static [&'static str],
    /// Prints the path of the real executable. Version managers put shell
    /// scripts on the path, whose own time would count as the program's.
    executable: &'static [&'static str],
}

/// The runtimes of a request that are there, in its order, and for each of
/// the others its name with the reason why it is left out.
pub fn find(request: &Request) -> (Vec<Peer>, Vec<String>) {
    let mut peers = Vec::new();
    let mut missing = Vec::new();
    let mut keep = |found: Result<Peer, String>| match found {
        Ok(peer) => peers.push(peer),
        Err(reason) => missing.push(reason),
    };
    for kind in &request.kinds {
        match host(*kind) {
            None => request
                .gene
                .iter()
                .for_each(|built| keep(gene("gene", built, "run", &request.gene_args))),
            Some(host) => keep(locate(&host)),
        }
    }
    if let Some(built) = &request.baseline {
        keep(gene("baseline", built, "run", &request.gene_args));
    }
    (peers, missing)
}

fn host(kind: PeerKind) -> Option<Host> {
    let (name, extension, commands, version, executable): (_, _, &[_], &[_], &[_]) = match kind {
        PeerKind::Gene => return None,
        PeerKind::Lua => ("lua", "lua", &["lua5.4", "lua"], &["-v"], &[]),
        PeerKind::Luajit => ("luajit", "lua", &["luajit"], &["-v"], &[]),
        PeerKind::Node => ("node", "js", &["node"], &["--version"], &["-p", "process.execPath"]),
        PeerKind::Python => (
            "python",
            "py",
            &["python3", "python"],
            &["--version"],
            &["-c", "import sys; print(sys.executable)"],
        ),
        PeerKind::Ruby => ("ruby", "rb", &["ruby"], &["--version"], &["-e", "print RbConfig.ruby"]),
    };
    Some(Host { name, extension, commands, version, executable })
}

fn locate(host: &Host) -> Result<Peer, String> {
    for name in host.commands {
        let Some(version) = machine::answer(name, host.version) else { continue };
        let program = (!host.executable.is_empty())
            .then(|| machine::answer(name, host.executable))
            .flatten()
            .unwrap_or_else(|| (*name).to_owned());
        return Ok(Peer {
            info: PeerInfo {
                name: host.name.to_owned(),
                version: short_version(&version),
                arguments: Vec::new(),
                commit: None,
            },
            extension: host.extension,
            program: program.into(),
            arguments: Vec::new(),
        });
    }
    Err(format!("{}: not installed (tried {})", host.name, host.commands.join(", ")))
}

/// A gene that runs programs with this of its commands, `run` or another, and these
/// options.
///
/// # Errors
///
/// A text that names it, if there is no such file.
pub fn gene(name: &str, built: &Gene, command: &str, options: &[String]) -> Result<Peer, String> {
    // Absolute: programs run in directories of their own.
    let path = &built.path;
    let path = path.canonicalize().map_err(|_| format!("{name}: no {}", path.display()))?;
    let mut arguments = vec![command.to_owned()];
    arguments.extend_from_slice(options);
    Ok(Peer {
        info: PeerInfo {
            name: name.to_owned(),
            version: machine::answer(&path, &["--version"]).unwrap_or_else(|| "gene".to_owned()),
            arguments: options.to_vec(),
            commit: built.commit.clone(),
        },
        extension: "gene",
        program: path,
        arguments,
    })
}

/// `Lua 5.4.4  Copyright ...` is `Lua 5.4.4`.
fn short_version(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let end = ["  ", " -- ", " ("].iter().filter_map(|mark| line.find(mark)).min();
    line[..end.unwrap_or(line.len())].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_lose_their_copyright() {
        assert_eq!(short_version("Lua 5.4.4  Copyright (C) 1994"), "Lua 5.4.4");
        assert_eq!(short_version("LuaJIT 2.1.0 -- Copyright"), "LuaJIT 2.1.0");
        assert_eq!(short_version("ruby 3.1.2p20 (2022-04-12) [x]"), "ruby 3.1.2p20");
        assert_eq!(short_version("v20.1\n"), "v20.1");
    }

    #[test]
    fn a_gene_that_is_not_there_is_named() {
        let request = Request {
            kinds: vec![PeerKind::Gene],
            gene: Some(Gene { path: "/no/such/gene".into(), commit: None }),
            gene_args: Vec::new(),
            baseline: None,
        };
        let (peers, missing) = find(&request);
        assert!(peers.is_empty());
        assert!(missing[0].starts_with("gene: no /no/such/gene"), "{missing:?}");
    }
}
