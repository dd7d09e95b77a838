//! What the adapter does all day, a thousandfold, in front of a real daemon: for `make sanitize`, which looks for leaks
//! and races.
//!
//! ```text
//! exercise URI DOMAIN RESTART     RESTART: a shell's command that ends the daemon and starts it again
//! ```

use core::error::Error;
use core::time::Duration;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, thread};

use libvirt_hpc_control::port::Job;
use libvirt_hpc_libvirt::connect::Options;
use libvirt_hpc_libvirt::domain::Impact;
use libvirt_hpc_libvirt::event::Handler;
use libvirt_hpc_libvirt::subscription::Subscription;
use libvirt_hpc_libvirt::{Connection, Domain, Watcher};

type Result<T> = core::result::Result<T, Box<dyn Error>>;

const STATISTICS: u32 = 1000;
const REGISTRATIONS: u32 = 200;
const RECONNECTIONS: u32 = 100;
/// Of the reconnections, so many because the daemon is another.
const RESTARTS: u32 = 10;

const METADATA: &str = "urn:libvirt-hpc:exercise";
const MOMENT: Duration = Duration::from_millis(10);
/// Only what never comes is waited for so long.
const LATE: Duration = Duration::from_secs(120);

struct Place {
    uri: String,
    domain: String,
    restart: String,
}

impl Place {
    fn find(&self) -> Result<Domain> {
        let connection = Connection::open(Some(&self.uri), Options::default())?;
        connection.on_close(|_| ());
        Ok(Domain::lookup(&connection, &self.domain)?)
    }

    fn restart(&self) -> Result<()> {
        let status = Command::new("sh").args(["-c", &self.restart]).status()?;
        status
            .success()
            .then_some(())
            .ok_or("the daemon does not start".into())
    }
}

/// Waits until `is_so`.
fn settles(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let mut waited = Duration::ZERO;
    while !is_so() {
        if waited > LATE {
            return Err(format!("{what}: never").into());
        }
        thread::sleep(MOMENT);
        waited += MOMENT;
    }
    Ok(())
}

/// Has libvirt send an event.
fn change(domain: &Domain, value: u32) -> Result<()> {
    let element = format!("<exercise value='{value}'/>");
    Ok(domain.set_metadata("exercise", METADATA, Some(&element), Impact::Live)?)
}

/// One reading, however slow the machine is: under a checker, calls outlast the watcher's patience.
fn answered(watcher: &mut Watcher) -> Result<()> {
    loop {
        match watcher.sample(true) {
            Err(error) if error.is_not_answering() => thread::sleep(MOMENT),
            sample => return Ok(sample.map(drop)?),
        }
    }
}

/// Statistics and all else that is asked, while events come in and another thread ends the waits.
fn statistics(place: &Place) -> Result<()> {
    let (domain, other) = (place.find()?, place.find()?);
    let mut watcher = Watcher::new(&domain)?;
    let (waker, changes) = (watcher.waker(), other.clone());
    let waking = thread::spawn(move || {
        for value in 0..STATISTICS / 10 {
            waker.wake();
            change(&changes, value).map_err(|error| error.to_string())?;
        }
        Ok::<(), String>(())
    });
    let mut events = 0;
    for _ in 0..STATISTICS {
        answered(&mut watcher)?;
        watcher.wait(MOMENT / 10);
        events += watcher.take_events().len();
        other.job_stats()?;
        other.state()?;
        let _ = other.page_faults();
    }
    waking.join().map_err(|_| "the waking thread panicked")??;
    for _ in 0..REGISTRATIONS {
        other.xml(0)?;
        other.metadata(METADATA, Impact::Live)?;
        Domain::list_active(other.connection())?;
        other.metadata("urn:nobody", Impact::Live)?;
        Domain::lookup(other.connection(), "nobody").expect_err("no such domain");
    }
    println!("{STATISTICS} statistics, {events} events meanwhile");
    Ok(())
}

fn registrations(place: &Place, handler: &Handler, heard: &AtomicU64) -> Result<()> {
    let domain = place.find()?;
    let connection = domain.connection();
    for value in 0..REGISTRATIONS {
        let before = heard.load(Ordering::Relaxed);
        let of = (value % 2 == 0).then_some(&domain);
        let subscription = Subscription::new(connection, of, handler)?;
        change(&domain, value)?;
        // Every fourth goes while its event is on the way.
        if value % 4 > 0 {
            settles("an event", || heard.load(Ordering::Relaxed) > before)?;
        }
        drop(subscription);
    }
    println!(
        "{REGISTRATIONS} registrations, {} events",
        heard.load(Ordering::Relaxed)
    );
    Ok(())
}

fn reconnections(place: &Place, handler: &Handler) -> Result<()> {
    let domain = place.find()?;
    let mut watcher = Watcher::new(&domain)?;
    drop(domain);
    for number in 0..RECONNECTIONS {
        let domain = place.find()?;
        let subscription = Subscription::new(domain.connection(), None, handler)?;
        if number % (RECONNECTIONS / RESTARTS) == 0 {
            place.restart()?;
            // With the connection lost, or before anybody has noticed that it is.
            if number % 20 == 0 {
                settles("the loss", || !domain.connection().is_alive())?;
            }
            settles("the watcher's return", || watcher.sample(true).is_ok())?;
        }
        if number % 3 == 0 {
            drop(domain.connection().reopen()?);
        }
        drop(subscription);
    }
    println!("{RECONNECTIONS} reconnections, {RESTARTS} of them to another daemon");
    Ok(())
}

/// Open files and threads of this process.
fn held() -> Result<(usize, usize)> {
    let count = |of| Ok::<_, std::io::Error>(fs::read_dir(of)?.count());
    Ok((count("/proc/self/fd")?, count("/proc/self/task")?))
}

fn main() -> Result<()> {
    let [_, uri, domain, restart] = env::args()
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: exercise URI DOMAIN RESTART")?;
    let place = Place {
        uri,
        domain,
        restart,
    };
    let heard = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&heard);
    let handler: Handler = Arc::new(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    // The first connection starts libvirt's event loop, which stays.
    drop(place.find()?);
    let before = held()?;
    statistics(&place)?;
    registrations(&place, &handler, &heard)?;
    reconnections(&place, &handler)?;
    settles("the end of all handlers", || {
        Arc::strong_count(&handler) == 1
    })?;
    // libvirt's event loop closes a connection's files after its end: of the first, some may have been counted.
    let ended = |now: (usize, usize)| now.0 <= before.0 && now.1 <= before.1;
    settles("the end of all connections and threads", || {
        held().is_ok_and(ended)
    })?;
    println!("no handler, file or thread is left");
    Ok(())
}
