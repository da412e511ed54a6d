//! The README matches the code.

use std::fmt::Write;

use eightbit::Backend;

/// The table of backends matches the registry: of this architecture and of all. The tests on other architectures check their
/// rows.
#[test]
fn readme_lists_the_backends_of_the_registry() {
    let readme = include_str!("../README.md");
    let (_, table) =
        readme.split_once("| name | for | needs |\n|---|---|---|\n").expect("the table of backends");
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let here = format!("{} with ", std::env::consts::ARCH.replace('_', "-"));
    let found: Vec<&str> = rows
        .iter()
        .copied()
        .filter(|row| row.contains(&format!("| {here}")) || row.ends_with("| – |"))
        .collect();

    let expected: Vec<String> = Backend::registered()
        .map(|registered| {
            let mut needs = String::from("–");
            for (index, feature) in registered.features.iter().enumerate() {
                if index == 0 {
                    needs.clone_from(&here);
                } else {
                    needs.push_str(", ");
                }
                write!(needs, "`{feature}`").expect("a String accepts all text");
            }
            format!("| `{}` | {} | {needs} |", registered.name, registered.purpose)
        })
        .collect();
    assert_eq!(found, expected, "README.md, section Backends");
}
