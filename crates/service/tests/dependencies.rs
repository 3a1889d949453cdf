//! Does docs/dependencies.md have a reason for each dependency, and for nothing else?

use std::collections::BTreeMap;
use std::path::Path;

type Names = BTreeMap<String, Vec<String>>;

/// What the manifests name, by the section of the page that lists it.
fn named(manifests: &[String]) -> Names {
    let mut names = Names::new();
    for manifest in manifests {
        let manifest: toml::Table = manifest.parse().unwrap();
        let name =
            manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        // That crate is a test as a whole.
        let own = if name == Some("fuzz") { "Of tests and benchmarks" } else { "Of the program" };
        let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
        let targets = targets.filter_map(|(_, target)| target.as_table());
        for table in std::iter::once(&manifest).chain(targets) {
            for (key, section) in [
                ("dependencies", own),
                ("build-dependencies", own),
                ("dev-dependencies", "Of tests and benchmarks"),
            ] {
                let found = table.get(key).and_then(toml::Value::as_table).into_iter().flatten();
                names.entry(section.to_owned()).or_default().extend(found.map(|(name, _)| name.clone()));
            }
        }
    }
    let program = names["Of the program"].clone();
    for (section, all) in &mut names {
        all.sort();
        all.dedup();
        // What the program needs has its reason there.
        all.retain(|name| section == "Of the program" || !program.contains(name));
    }
    names
}

/// What the page lists, by its section. Each line has a reason.
fn listed(page: &str) -> Names {
    let (mut names, mut section) = (Names::new(), String::new());
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        } else if let Some((name, reason)) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` | "))
        {
            assert!(reason.trim_end_matches('|').trim().len() > 5, "`{name}` has no reason");
            names.entry(section.clone()).or_default().push(name.to_owned());
        }
    }
    names
}

#[test]
fn each_dependency_has_a_reason_and_each_reason_a_dependency() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(project.join(path)).unwrap();
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let manifest = |member: &toml::Value| read(&format!("{}/Cargo.toml", member.as_str().unwrap()));
    let manifests: Vec<_> = members.iter().map(manifest).collect();
    assert_eq!(
        listed(&read("docs/dependencies.md")),
        named(&manifests),
        "docs/dependencies.md, then Cargo.toml"
    );
}

#[test]
fn a_dependency_without_a_line_and_a_line_without_a_dependency_are_found() {
    let manifest = "[dependencies]\none = \"1\"\n[target.'cfg(unix)'.dependencies]\ntwo = \"2\"\n[dev-dependencies]\none = \"1\"\nthree = \"3\"\n";
    let page = "## Of the program\n| `one` | does one thing |\n| `two` | does two |\n## Of tests and benchmarks\n| `three` | does three |\n";
    let named = named(&[manifest.to_owned()]);
    assert_eq!(listed(page), named);
    assert_ne!(listed(&page.replace("| `two` | does two |\n", "")), named);
    assert_ne!(listed(&page.replace("`three`", "`four`")), named);
}
