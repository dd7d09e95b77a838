//! `hpc-status`, `hpc-release` and `hpc-adopt`: what this host's agent is asked.

mod detail;
mod overview;
mod status_text;

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::agent::api::{Reply, Request, SOCKET, client, follow};
use crate::flags::Globals;
use crate::flags::hpc_commands::{DomainArgs, StatusArgs};
use crate::harmless::{self, printable};
use crate::session::connect;

/// What libvirt itself goes by where neither `-c` nor virsh's own variable is given (`man 1 virsh`).
const LIBVIRT_VARIABLE: &str = "LIBVIRT_DEFAULT_URI";

/// Runs `hpc-status`; prints to `out`.
///
/// # Errors
/// The URI names another host, or the agent does not answer, or it refuses.
pub fn status(globals: &Globals, args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode> {
    check_host(globals, "hpc-status")?;
    let socket = Path::new(SOCKET);
    if args.follow {
        return follow_on(socket, args.domain.clone(), out);
    }
    status_from(socket, args, out)
}

/// Runs `hpc-release`; prints to `out`.
///
/// # Errors
/// As [`status`].
pub fn release(globals: &Globals, args: &DomainArgs, out: &mut dyn Write) -> Result<ExitCode> {
    check_host(globals, "hpc-release")?;
    let domain = args.domain.clone();
    order(Path::new(SOCKET), &Request::Release { domain }, out)
}

/// Runs `hpc-adopt`; prints to `out`.
///
/// # Errors
/// As [`status`].
pub fn adopt(globals: &Globals, args: &DomainArgs, out: &mut dyn Write) -> Result<ExitCode> {
    check_host(globals, "hpc-adopt")?;
    let domain = args.domain.clone();
    order(Path::new(SOCKET), &Request::Adopt { domain }, out)
}

fn status_from(socket: &Path, args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let domain = args.domain.clone();
    let reply = client::ask(socket, &Request::Status { domain })?;
    show(&reply, args, out)
}

/// Prints the agent's answer to `hpc-status`.
///
/// # Errors
/// The agent refuses, or has answered another question, or knows no such domain.
pub fn show(reply: &Reply, args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let status = match reply {
        Reply::Status(status) => status,
        Reply::Refused { message } => bail!("{}", printable(message)),
        Reply::Done { .. } | Reply::Following { .. } => {
            bail!("libvirt-hpcd answered another question than was asked")
        }
    };
    match &args.domain {
        Some(domain) if status.domains.is_empty() => {
            bail!("libvirt-hpcd knows no active domain {domain} on this host")
        }
        _ if args.json => {
            let json = serde_json::to_string_pretty(&reply)?;
            writeln!(out, "{}", harmless::json(&json))?;
        }
        None => overview::overview(status, out)?,
        Some(_) => detail::detail(status, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints each line as it comes; they end only by the agent's end, or because this command was too slow.
fn follow_on(socket: &Path, domain: Option<String>, out: &mut dyn Write) -> Result<ExitCode> {
    for line in follow::follow(socket, domain)? {
        let line = line.context("cannot hear libvirt-hpcd any more")?;
        out.write_all(harmless::json(&line).as_bytes())?;
        out.flush()?;
    }
    bail!(
        "libvirt-hpcd sends no more events: it has ended, or this output was not read in time; run the command again, and \
         see the agent's log for what was missed"
    )
}

fn order(socket: &Path, request: &Request, out: &mut dyn Write) -> Result<ExitCode> {
    match client::ask(socket, request)? {
        Reply::Done { message } => writeln!(out, "{}", printable(&message))?,
        Reply::Refused { message } => bail!("{}", printable(&message)),
        Reply::Status(_) | Reply::Following { .. } => {
            bail!("libvirt-hpcd answered another question than was asked")
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The agent of this host knows nothing of another's domains.
fn check_host(globals: &Globals, command: &str) -> Result<()> {
    let uri = connect::uri(globals)?;
    let uri = uri.or_else(|| env::var(LIBVIRT_VARIABLE).ok());
    let Some((uri, host)) = uri.as_deref().and_then(|uri| Some((uri, server(uri)?))) else {
        return Ok(());
    };
    bail!(
        "{command} asks the agent of the host it runs on, and the connection URI names another \
         ({uri}): run it there (ssh {host} virsh-hpc {command}), or here with -c qemu:///system"
    )
}

/// The server that a URI names, if libvirt would go there; over a Unix socket it stays here whatever the
/// URI names (`doRemoteOpen`, libvirt `src/remote/remote_driver.c`).
fn server(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next()?,
        None => host.split(':').next()?,
    };
    (!host.is_empty() && !scheme.ends_with("+unix")).then_some(host)
}

#[cfg(test)]
mod tests;
