//! Which programs are run: what in the directory root alone can have put there, as run-parts and libvirt's hooks have it.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// More programs are a mistake.
const PROGRAMS_MAX: usize = 32;

/// Write permission for the group or others.
const WRITABLE: u32 = 0o022;

const EXECUTABLE: u32 = 0o111;

/// The programs of a directory, by name, and what is wrong with others there.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) programs: Vec<PathBuf>,
    pub(super) problems: Vec<String>,
}

/// Reads the directory, which belongs to the user `owner`, as all in it must. One that is not there has no programs.
pub(super) fn find(directory: &Path, owner: u32) -> Found {
    read(directory, owner).unwrap_or_else(|problem| Found {
        problems: problem.into_iter().collect(),
        ..Found::default()
    })
}

fn read(directory: &Path, owner: u32) -> Result<Found, Option<String>> {
    // Whoever may write to the directory above could put another in its place.
    for place in directory.parent().into_iter().chain([directory]) {
        check_directory(place, owner)?;
    }
    let cannot = |error: io::Error| Some(format!("{}: {error}", directory.display()));
    let mut found = Found::default();
    for entry in fs::read_dir(directory).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        if !is_program_name(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        match check_program(&path, owner) {
            Ok(()) => found.programs.push(path),
            Err(problem) => found
                .problems
                .push(format!("{}: {problem}", path.display())),
        }
    }
    found.programs.sort();
    for left in found
        .programs
        .split_off(found.programs.len().min(PROGRAMS_MAX))
    {
        let problem = format!(
            "{}: only the first {PROGRAMS_MAX} programs are run",
            left.display()
        );
        found.problems.push(problem);
    }
    found.problems.sort();
    Ok(found)
}

fn check_directory(place: &Path, owner: u32) -> Result<(), Option<String>> {
    let metadata = match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(None),
        found => found.map_err(|error| error.to_string()),
    };
    let checked = metadata.and_then(|metadata| {
        let is_directory = metadata.is_dir();
        match trust(&metadata, owner) {
            Ok(()) if !is_directory => Err("is no directory".to_owned()),
            trusted => trusted,
        }
    });
    checked.map_err(|problem| Some(format!("{}: {problem}", place.display())))
}

fn check_program(path: &Path, owner: u32) -> Result<(), String> {
    let metadata = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is no file".to_owned());
    }
    trust(&metadata, owner)?;
    match metadata.permissions().mode() & EXECUTABLE {
        0 => Err("is not executable".to_owned()),
        _ => Ok(()),
    }
}

fn trust(metadata: &Metadata, owner: u32) -> Result<(), String> {
    if metadata.uid() != owner {
        return Err(format!(
            "belongs to the user {}, not {owner}",
            metadata.uid()
        ));
    }
    match metadata.permissions().mode() & WRITABLE {
        0 => Ok(()),
        _ => Err("can be written by group or others".to_owned()),
    }
}

/// As run-parts(8) without options: what editors and package managers leave behind has another name.
fn is_program_name(name: &str) -> bool {
    let is_fine =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    !name.is_empty() && name.chars().all(is_fine)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn place() -> (TempDir, PathBuf, u32) {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("notify.d");
        fs::create_dir(&directory).expect("a directory");
        set_mode(&directory, 0o755);
        let owner = fs::metadata(&directory).expect("there").uid();
        (folder, directory, owner)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
    }

    fn put(directory: &Path, name: &str, mode: u32) {
        let path = directory.join(name);
        fs::write(&path, "#!/bin/sh\n").expect("written");
        set_mode(&path, mode);
    }

    fn names(found: &Found) -> Vec<String> {
        let name = |path: &PathBuf| {
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        };
        found.programs.iter().map(name).collect()
    }

    #[test]
    fn programs_come_in_the_order_of_their_names_and_left_overs_are_passed_over() {
        let (_folder, directory, owner) = place();
        for name in ["20-b", "10_A", "30-c.dpkg-old", "x~", ".hidden"] {
            put(&directory, name, 0o755);
        }
        let found = find(&directory, owner);
        assert_eq!(names(&found), ["10_A", "20-b"]);
        assert_eq!(found.problems, [""; 0]);
    }

    #[test]
    fn what_others_may_have_written_is_never_run() {
        let (_folder, directory, owner) = place();
        put(&directory, "good", 0o700);
        put(&directory, "group", 0o775);
        put(&directory, "others", 0o757);
        put(&directory, "plain", 0o644);
        symlink("/bin/true", directory.join("link")).expect("a link");
        fs::create_dir(directory.join("sub")).expect("a directory");
        let found = find(&directory, owner);
        assert_eq!(names(&found), ["good"]);
        let said = found.problems.join("\n");
        for part in [
            "group: can be written by group or others",
            "others: can be written by group or others",
            "plain: is not executable",
            "link: is no file",
            "sub: is no file",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn another_owners_directory_has_no_programs_nor_has_one_that_others_may_replace() {
        let (folder, directory, owner) = place();
        put(&directory, "good", 0o755);
        let found = find(&directory, owner + 1);
        assert!(found.programs.is_empty());
        assert!(
            found.problems[0].contains("belongs to the user"),
            "{found:?}"
        );
        for place in [folder.path(), &*directory] {
            set_mode(place, 0o777);
            let found = find(&directory, owner);
            assert!(found.programs.is_empty(), "{found:?}");
            assert!(found.problems[0].contains("can be written"), "{found:?}");
            set_mode(place, 0o755);
        }
        assert_eq!(names(&find(&directory, owner)), ["good"]);
    }

    #[test]
    fn no_directory_is_no_mistake() {
        let (folder, _, owner) = place();
        let found = find(&folder.path().join("none"), owner);
        assert!(found.programs.is_empty() && found.problems.is_empty());
    }

    #[test]
    fn too_many_programs_are_not_all_run() {
        let (_folder, directory, owner) = place();
        (0..PROGRAMS_MAX + 2).for_each(|number| put(&directory, &format!("p{number:02}"), 0o755));
        let found = find(&directory, owner);
        assert_eq!(
            (found.programs.len(), found.problems.len()),
            (PROGRAMS_MAX, 2)
        );
    }
}
