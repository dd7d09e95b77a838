//! Every order of the steps of those who publish and the thread that writes. No wait times out here: one that nothing
//! ends is a deadlock, which fails.

use shuttle::check_dfs;

use super::*;

const NEVER: Duration = Duration::MAX;

fn snapshot(number: usize) -> Snapshot {
    Snapshot {
        directory: Some(number.to_string().into()),
        ..Snapshot::default()
    }
}

#[test]
fn the_newest_is_written_none_twice_and_whoever_waits_for_it_is_woken() {
    let run = || {
        let slot = Arc::new(Slot::default());
        let from = Arc::clone(&slot);
        let writer = thread::spawn(move || {
            let mut written = Vec::new();
            while written.last() != snapshot(2).directory.as_ref() {
                let (snapshot, which) = from.take();
                written.extend(snapshot.directory);
                from.done(which);
            }
            written
        });
        slot.put(snapshot(1));
        slot.put(snapshot(2));
        assert!(slot.settle(NEVER));
        let newest: Vec<_> = [1, 2]
            .map(snapshot)
            .into_iter()
            .filter_map(|one| one.directory)
            .collect();
        let written = writer.join().expect("written");
        assert!(
            newest.ends_with(&written) && !written.is_empty(),
            "{written:?}"
        );
    };
    check_dfs(run, None);
}
