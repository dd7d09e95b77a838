use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use ::log::Level;
use syslog::{Facility, Formatter3164, LoggerBackend};

use super::sink::{Connect, PROCESS, Place, Sink, Syslog};
use super::stream::Stream;
use super::*;

fn no_syslog() -> Connect {
    Box::new(|| Err(io::Error::from(io::ErrorKind::NotFound).into()))
}

fn state(journal_stream: &str, to_stderr: bool, stderr: Stream, connect: Connect) -> State {
    let sink = Sink::from(journal_stream, to_stderr, stderr, connect);
    State { sink, lost: 0 }
}

/// The device and inode that the journal would put in the environment.
fn identity(file: impl Into<OwnedFd>) -> String {
    let metadata = fs::File::from(file.into()).metadata().expect("metadata");
    format!("{}:{}", metadata.dev(), metadata.ino())
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("text")
}

#[test]
fn the_journal_gets_priorities_and_another_stderr_does_not() {
    let (mut journal, ours) = UnixStream::pair().expect("pair");
    let stream = identity(ours.try_clone().expect("clone"));
    let mut log = state(
        &stream,
        false,
        Stream::new(ours),
        Box::new(|| unreachable!("not syslog")),
    );
    assert_eq!(log.sink.place(), Place::Journal);
    for (level, message) in [
        (Level::Error, "a"),
        (Level::Warn, "b"),
        (Level::Info, "c"),
        (Level::Debug, "d"),
        (Level::Trace, "e"),
    ] {
        log.write(level, message);
    }
    drop(log);
    let mut read = String::new();
    journal.read_to_string(&mut read).expect("text");
    assert_eq!(read, "<3>a\n<4>b\n<6>c\n<7>d\n<7>e\n");

    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("stderr");
    let file = fs::File::create(&path).expect("file");
    let mut log = state(&stream, false, Stream::new(file), no_syslog());
    assert_eq!(log.sink.place(), Place::Stderr);
    log.write(Level::Warn, "a");
    log.write(Level::Info, "b");
    assert_eq!(text(&path), "libvirt-hpcd: warning: a\nlibvirt-hpcd: b\n");
}

#[test]
fn a_reader_that_hangs_is_not_waited_for_and_hears_what_it_missed() {
    let (mut reader, ours) = UnixStream::pair().expect("pair");
    let mut log = state("", true, Stream::new(ours), no_syslog());
    fill(&mut log);
    let lost = log.lost;
    reader.set_nonblocking(true).expect("set");
    let mut heard = Vec::new();
    let _would_block = reader.read_to_end(&mut heard);
    log.write(Level::Info, "again");
    let _would_block = reader.read_to_end(&mut heard);
    let heard = String::from_utf8(heard).expect("text");
    let end = format!(
        "\nlibvirt-hpcd: warning: {lost} lines of this log were lost\nlibvirt-hpcd: again\n"
    );
    assert!(heard.ends_with(&end), "{}", &heard[heard.len() - 200..]);
    assert_eq!(log.lost, 0);
}

#[test]
fn a_pipe_that_is_full_is_not_waited_for_and_stays_as_others_have_it() {
    let (mut reader, writer) = io::pipe().expect("pipe");
    let theirs = writer.try_clone().expect("clone");
    let mut log = state("", true, Stream::new(writer), no_syslog());
    fill(&mut log);
    let flags = rustix::fs::fcntl_getfl(&theirs).expect("flags");
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "{flags:?}");
    let mut some = [0; 65536];
    assert!(reader.read(&mut some).expect("read") > 0);
    log.write(Level::Info, "again");
    assert_eq!(log.lost, 0);
}

/// Writes until three lines are lost.
fn fill(log: &mut State) {
    let message = "x".repeat(1000);
    for _ in 0..10_000 {
        log.write(Level::Info, &message);
        if log.lost == 3 {
            return;
        }
    }
    panic!("it never filled");
}

#[test]
fn a_line_cut_off_does_not_swallow_the_next() {
    let (mut reader, writer) = io::pipe().expect("pipe");
    let mut stream = Stream::new(writer);
    stream.write("first").expect("written");
    let long = "x".repeat(10_000_000);
    stream.write(&long).expect_err("no pipe holds that");
    let mut some = vec![0; long.len()];
    let read = reader.read(&mut some).expect("read");
    assert!(some.starts_with(b"first\nxxx") && some[..read].ends_with(b"x"));
    stream.write("second").expect("written");
    stream.write("third").expect("written");
    drop(stream);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "\nsecond\nthird\n");
}

#[test]
fn a_file_that_others_write_to_is_only_added_to() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("stderr");
    fs::write(&path, "of others\n").expect("written");
    let file = fs::File::options().write(true).open(&path).expect("file");
    Stream::new(file).write("ours").expect("written");
    assert_eq!(text(&path), "of others\nours\n");
}

/// A logger whose log listens at `path`.
fn syslog_at(path: &Path) -> syslog::Result<Syslog> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    let formatter = Formatter3164 {
        facility: Facility::LOG_DAEMON,
        hostname: None,
        process: PROCESS.to_owned(),
        pid: 1,
    };
    let backend = LoggerBackend::Unix(socket);
    Ok(syslog::Logger::new(backend, formatter))
}

fn line(daemon: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    daemon.set_nonblocking(true).expect("set");
    let length = daemon.recv(&mut buffer).expect("a line");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn syslog_is_taken_up_again_after_a_restart_and_stderr_helps_out_meanwhile() {
    let folder = tempfile::tempdir().expect("folder");
    let (path, stderr) = (folder.path().join("log"), folder.path().join("stderr"));
    let daemon = UnixDatagram::bind(&path).expect("bound");
    let file = fs::File::create(&stderr).expect("file");
    let there = path.clone();
    let connect = Box::new(move || syslog_at(&there));
    let mut log = state("", false, Stream::new(file), connect);
    assert_eq!(log.sink.place(), Place::Syslog);
    log.write(Level::Warn, "first");
    let first = line(&daemon);
    assert!(
        first.starts_with("<28>") && first.ends_with(" libvirt-hpcd[1]: first"),
        "{first}"
    );

    drop(daemon);
    fs::remove_file(&path).expect("removed");
    log.write(Level::Info, "second");
    assert_eq!(text(&stderr), "libvirt-hpcd: second\n");

    let daemon = UnixDatagram::bind(&path).expect("bound");
    log.write(Level::Error, "third");
    let third = line(&daemon);
    assert!(
        third.starts_with("<27>") && third.ends_with(": third"),
        "{third}"
    );
    assert_eq!((log.lost, text(&stderr).lines().count()), (0, 1));
}

#[test]
fn a_syslog_that_hangs_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    let daemon = UnixDatagram::bind(&path).expect("bound");
    let (_reader, stderr) = io::pipe().expect("pipe");
    let connect = Box::new(move || syslog_at(&path));
    let mut log = state("", false, Stream::new(stderr), connect);
    fill(&mut log);
    let (lost, first) = (log.lost, line(&daemon));
    assert!(first.starts_with("<30>"), "{first}");
    while daemon.recv(&mut [0; 16]).is_ok() {}
    log.write(Level::Info, "again");
    assert!(line(&daemon).ends_with(&format!(": {lost} lines of this log were lost")));
    assert!(line(&daemon).ends_with(": again"));
}

#[test]
fn no_message_forges_a_line() {
    assert_eq!(
        one_line("domain é: 5 ms \\ \"x\""),
        "domain é: 5 ms \\ \"x\""
    );
    assert_eq!(
        one_line("a\n<3>b\r\u{1b}[2J\0\u{85}\u{2028}\u{202e}\u{61c}\u{200f}"),
        "a\\n<3>b\\r\\u{1b}[2J\\u{0}\\u{85}\\u{2028}\\u{202e}\\u{61c}\\u{200f}"
    );
    let long = one_line(&"é".repeat(MAX_BYTES));
    assert!(
        long.ends_with('…') && long.len() <= MAX_BYTES + '…'.len_utf8(),
        "{}",
        long.len()
    );
    let escapes = one_line(&"\n".repeat(MAX_BYTES));
    assert!(escapes.ends_with("\\n…") && escapes.len() <= MAX_BYTES + '…'.len_utf8());
}
