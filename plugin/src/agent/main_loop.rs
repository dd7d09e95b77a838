//! The process: sockets, threads, the main loop, and its end.

use std::io::{self, Write};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use libvirt_hpc_hook::notice::{MAX_BYTES, Notice};

use super::api::{self, Reply, Request, server};
use super::domains::watch::{Finding, Watch};
use super::message::Message;
use super::metrics::Publisher;
use super::process::args::Args;
use super::process::config::Config;
use super::process::log as logging;
use super::process::service::{self, Service};
use super::process::signals::{self, Signal};
use super::supervisor::Supervisor;
use crate::clock;
use crate::harmless::Harmless;
use crate::notify::Followers;

/// How often the loop turns at least, to show that it lives.
const TURN: Duration = Duration::from_secs(5);

/// How long migrations are waited for that are to be released: longer than a call to libvirt may take.
const LEAVING_PATIENCE: Duration = Duration::from_secs(10);

/// How long a user's request may wait for the main loop, which never waits for libvirt.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// How long to rest after the hook's socket failed.
const REST: Duration = Duration::from_secs(1);

/// Runs the program.
#[must_use]
pub fn main(args: &Args) -> ExitCode {
    let ended = if args.check { check(args) } else { run(args) };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where stderr is gone, the exit status has to say it all.
            let _ = writeln!(Harmless(io::stderr()), "libvirt-hpcd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says what the configuration means.
fn check(args: &Args) -> anyhow::Result<()> {
    let config = args.configuration()?;
    writeln!(io::stdout(), "{config}").context("cannot print")?;
    match config.problems.as_slice() {
        [] => Ok(()),
        problems => bail!("{}", problems.join("; ")),
    }
}

/// Runs until SIGTERM.
///
/// # Errors
/// A configuration that cannot be read, or a socket or thread that cannot be had. That there is no libvirt
/// is no error.
fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.configuration()?;
    logging::init(args.stderr).context("cannot log")?;
    logging::set_level(config.log_level);
    let service = Service::from_env();
    // Before there is another thread: it takes what systemd hands over out of the environment.
    let hook = service::hook_socket()?;
    hook.set_nonblocking(false)
        .context("cannot listen to the hook")?;
    let (send, messages) = mpsc::channel();
    let listener = server::listen(Path::new(api::SOCKET))?;
    let followers = Followers::default();
    answer(listener, followers.clone(), send.clone())
        .context("cannot answer on the control socket")?;
    read_notices(hook, send.clone()).context("cannot listen to the hook")?;
    let signal = send.clone();
    signals::catch(move |caught| drop(signal.send(Message::Signal(caught))))
        .context("cannot catch signals")?;
    let metrics = Publisher::start()?;
    let found = send.clone();
    let watch = Watch::start(config.uri.clone(), move |finding| {
        found.send(Message::Watch(finding)).is_ok()
    })
    .context("cannot watch libvirt")?;
    log::info!("{}", config.describe());
    config.warn();
    let mut supervisor = Supervisor::new(config, watch, metrics, send, followers);
    service.ready();
    let ended = turn(args, &service, &messages, &mut supervisor);
    service.stopping();
    leave(&messages, &mut supervisor);
    supervisor.publish_end();
    log::info!("ends");
    ended
}

/// The main loop, until it is told to end or a thread has died.
fn turn(
    args: &Args,
    service: &Service,
    messages: &Receiver<Message>,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let every = service.watchdog_every().unwrap_or(TURN).min(TURN);
    loop {
        match messages.recv_timeout(every) {
            Ok(Message::Signal(Signal::Terminate)) => return Ok(()),
            Ok(Message::Watch(Finding::Died)) => bail!("the watch thread has died"),
            Ok(Message::Signal(Signal::Reload)) => reload(args, service, supervisor),
            Ok(message) => supervisor.hear(message),
            Err(RecvTimeoutError::Timeout) => supervisor.tick(clock::now()),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        supervisor.publish(clock::now());
        service.beat();
    }
}

/// Reads the configuration again. One that is wrong changes nothing.
fn reload(args: &Args, service: &Service, supervisor: &mut Supervisor) {
    service.reloading();
    match args.configuration() {
        Ok(config) => {
            if config.uri != supervisor.uri() {
                log::warn!(
                    "the connection stays {}: another URI needs a restart",
                    supervisor.uri()
                );
            }
            logging::set_level(config.log_level);
            log::info!("configuration read again: {}", config.describe());
            config.warn();
            supervisor.configure(Config {
                uri: supervisor.uri().to_owned(),
                ..config
            });
        }
        Err(error) => log::error!("the configuration stays as it was: {error:#}"),
    }
    service.ready();
}

/// Releases every migration that has a thread.
fn leave(messages: &Receiver<Message>, supervisor: &mut Supervisor) {
    let since = clock::now();
    supervisor.leave();
    while !supervisor.is_idle() {
        let left = LEAVING_PATIENCE.saturating_sub(since.elapsed());
        match messages.recv_timeout(left) {
            Ok(message) => supervisor.hear(message),
            Err(_) => {
                log::warn!("ends before every migration was released: libvirt does not answer");
                return;
            }
        }
    }
}

fn answer(listener: UnixListener, followers: Followers, send: Sender<Message>) -> io::Result<()> {
    server::serve(
        listener,
        followers,
        move |request: Request| -> Option<Reply> {
            let (reply, answer) = mpsc::sync_channel(1);
            send.send(Message::Request(request, reply)).ok()?;
            answer.recv_timeout(REQUEST_PATIENCE).ok()
        },
    )
}

fn read_notices(socket: UnixDatagram, send: Sender<Message>) -> io::Result<()> {
    let listen = move || {
        let mut datagram = [0; MAX_BYTES + 1];
        loop {
            match socket.recv(&mut datagram) {
                Ok(length) => {
                    let notice = Notice::decode(&datagram[..length]);
                    if notice.is_some_and(|notice| send.send(Message::Notice(notice)).is_err()) {
                        return;
                    }
                }
                Err(error) => {
                    log::warn!("the hook cannot be heard: {error}");
                    thread::sleep(REST);
                }
            }
        }
    };
    thread::Builder::new()
        .name("hook".to_owned())
        .spawn(listen)
        .map(drop)
}
