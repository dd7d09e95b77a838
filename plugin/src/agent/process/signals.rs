//! SIGHUP, SIGTERM and Ctrl-C.

use std::io;
use std::sync::Arc;
use std::thread;

use libc::SIGXFSZ;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM, SIGINT: release every migration, and end.
    Terminate,
}

/// Catches the signals for the rest of the process's life, and hands each to `send` on a thread of their
/// own. `send` may wait: signals of one kind that come meanwhile are one.
///
/// SIGHUP is caught even where it was ignored at the start (`nohup`): it is how a reload is asked for, and
/// of a terminal that hangs up a reload does no harm.
///
/// # Errors
/// When the system refuses to install a handler or to start the thread.
pub fn catch(send: impl Fn(Signal) + Send + 'static) -> io::Result<()> {
    // A file as long as LimitFSIZE= allows ends its trace, not the agent.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                send(match signal {
                    SIGHUP => Signal::Reload,
                    _ => Signal::Terminate,
                });
            }
        })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn each_signal_arrives_as_what_it_asks_for() {
        let (sender, receiver) = mpsc::channel();
        catch(move |signal| sender.send(signal).expect("the test listens")).expect("caught");
        for (signal, expected) in [
            (SIGHUP, Signal::Reload),
            (SIGTERM, Signal::Terminate),
            (SIGINT, Signal::Terminate),
            (SIGHUP, Signal::Reload),
        ] {
            raise(signal).expect("raised");
            // The limit only keeps a failure from hanging.
            let heard = receiver.recv_timeout(Duration::from_secs(30));
            assert_eq!(heard, Ok(expected));
        }
        raise(SIGXFSZ).expect("raised, and outlived");
    }
}
