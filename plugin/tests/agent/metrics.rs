//! The file for Prometheus, from the start of the agent to its end.

use std::fs;

use crate::machine::{Machine, TEST_URI, wait_until};

const UP: &str = "\nlibvirt_hpc_agent_libvirt_up 1\n";
const DOWN: &str = "\nlibvirt_hpc_agent_libvirt_up 0\n";

/// As the agent sees it; it is made with the file.
const METRICS: &str = "[metrics]\ndirectory = \"/run/libvirt-hpc/metrics\"\n";

fn text(machine: &Machine) -> String {
    let path = machine.run("libvirt-hpc/metrics/libvirt-hpc.prom");
    fs::read_to_string(path).unwrap_or_default()
}

fn wait_for(machine: &Machine, word: &str) {
    wait_until(|| text(machine).contains(word), || machine.log());
}

#[test]
fn metrics_are_written_where_the_configuration_says_and_tell_of_the_end() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.configure(METRICS);
    let mut agent = machine.start(TEST_URI);
    wait_for(&machine, UP);
    assert!(
        text(&machine)
            .contains("libvirt_hpc_migrations_total{law=\"adaptive\",result=\"moved\"} 0\n")
    );
    agent.signal("TERM");
    assert_eq!(agent.end().code(), Some(0));
    assert!(text(&machine).contains(DOWN), "{}", text(&machine));
}

#[test]
fn metrics_begin_and_end_with_a_reload() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let agent = machine.start_until(TEST_URI, "controlling\n");
    assert_eq!(text(&machine), "", "nobody has asked for any");
    machine.configure(METRICS);
    agent.signal("HUP");
    wait_for(&machine, UP);
    machine.configure("");
    agent.signal("HUP");
    wait_until(|| text(&machine).is_empty(), || machine.log());
}

#[test]
fn metrics_that_cannot_be_written_are_complained_of_once() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.configure("[metrics]\ndirectory = \"/proc/metrics\"\n");
    let mut agent = machine.start(TEST_URI);
    machine.wait_for_log(
        "no metrics are written: /proc/metrics does not take them: ",
        1,
    );
    machine.wait_for_status("controlling\n");
    agent.signal("TERM");
    assert_eq!(agent.end().code(), Some(0));
    assert_eq!(machine.log().matches("no metrics are written").count(), 1);
}
