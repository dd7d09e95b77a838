//! What the agent is asked and answers, and what others are told.
//!
//! * A request or reply that was read is read back equal from its line, which is one.
//! * What is none is refused, and that can be sent.
//! * What `hpc-status` prints of any reply drives no terminal.

use libvirt_hpc_plugin::agent::api::client;
use libvirt_hpc_plugin::agent::api::{Reply, Request, server};
use libvirt_hpc_plugin::flags::hpc_commands::StatusArgs;
use libvirt_hpc_plugin::harmless::printable_lines;
use libvirt_hpc_plugin::notify::Notification;
use libvirt_hpc_plugin::session::commands::hpc_agent;

use crate::text::{assert_one_line, assert_printable};

/// Reads `data` on either side of the socket.
pub fn run(data: &[u8]) {
    match server::parse(data) {
        Ok(request) => asked(&request),
        Err(refused) => {
            assert!(matches!(refused, Reply::Refused { .. }));
            answered(&refused);
        }
    }
    match client::read(data) {
        Ok(reply) => {
            answered(&reply);
            shown(&reply);
        }
        Err(error) => assert_one_line("the client's error", &error.to_string()),
    }
    if let Ok(notification) = serde_json::from_slice::<Notification>(data) {
        told(&notification);
    }
}

fn asked(request: &Request) {
    let line = serde_json::to_string(request).expect("a request");
    assert!(!line.contains('\n'));
    assert_eq!(server::parse(line.as_bytes()).as_ref(), Ok(request));
}

fn answered(reply: &Reply) {
    let line = serde_json::to_string(reply).expect("a reply");
    assert!(!line.contains('\n'));
    let read = client::read(line.as_bytes()).expect("a reply");
    assert_eq!(&read, reply);
}

fn told(notification: &Notification) {
    let line = notification.line().expect("a line");
    assert_eq!(line.find('\n'), Some(line.len() - 1));
    let read: Notification = serde_json::from_str(&line).expect("a notification");
    assert_eq!(&read, notification);
}

fn shown(reply: &Reply) {
    for (domain, json) in [(None, false), (Some("any".to_owned()), false), (None, true)] {
        let args = StatusArgs {
            domain,
            json,
            follow: false,
        };
        let mut out = Vec::new();
        if let Err(error) = hpc_agent::show(reply, &args, &mut out) {
            assert_one_line(
                "an error of hpc-status",
                &printable_lines(&format!("{error:#}")),
            );
        }
        let text = String::from_utf8(out).expect("text");
        assert_printable("hpc-status", &text);
        if json && !text.is_empty() {
            let read = client::read(text.as_bytes()).expect("JSON");
            assert_eq!(&read, reply);
        }
    }
}
