//! What do the files of a deployment run, and in which surroundings? Read from all their forms into one.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::python::python;

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it is there")
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
pub(crate) fn yaml(path: &str) -> Vec<Value> {
    let convert = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = Command::new(python()).args(["-c", convert]).arg(project().join(path)).output().unwrap();
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the converter writes JSON")
}

/// The names of the manifests, below the project.
pub(crate) fn manifests() -> Vec<String> {
    let entries = std::fs::read_dir(project().join("deploy/kubernetes")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let names = yaml.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|name| name != "kustomization.yaml").collect();
    names.sort();
    names.into_iter().map(|name| format!("deploy/kubernetes/{name}")).collect()
}

/// Every object of the manifests.
pub(crate) fn objects() -> Vec<Value> {
    manifests().iter().flat_map(|path| yaml(path)).collect()
}

/// The objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The pods that the manifests make, with the name of what makes them.
pub(crate) fn pods(objects: &[Value]) -> Vec<(String, &Value)> {
    let made = objects.iter().filter(|object| object["spec"]["template"].is_object());
    made.map(|object| (string(&object["metadata"]["name"]), &object["spec"]["template"]["spec"])).collect()
}

/// The services of the compose file that run the program's image.
pub(crate) fn services(compose: &Value) -> Vec<(String, &Value)> {
    let services = compose["services"].as_object().expect("there are services");
    let own = services.iter().filter(|(_, service)| service["image"] == "tollbook");
    own.map(|(name, service)| (name.clone(), service)).collect()
}

/// The arguments after an instruction of the Dockerfile, in its last stage.
pub(crate) fn instruction(name: &str) -> String {
    let dockerfile = text("Dockerfile");
    let (_, last) = dockerfile.rsplit_once("\nFROM ").expect("there is a stage");
    let line = last.lines().rev().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
}

/// The words after the last `CMD` of a line: `CMD ["a", "b"]`.
pub(crate) fn exec_form(line: &str) -> Vec<String> {
    serde_json::from_str(&line[line.find('[').expect("in the exec form")..]).expect("the exec form is JSON")
}

/// Every command line of the program in any of the files, and where it stands.
pub(crate) fn commands() -> Vec<(String, Vec<String>)> {
    let mut found = vec![
        ("Dockerfile, CMD".to_owned(), exec_form(&instruction("CMD"))),
        ("Dockerfile, HEALTHCHECK".to_owned(), exec_form(&instruction("HEALTHCHECK"))[1..].to_vec()),
    ];
    let compose = yaml("compose.yaml").remove(0);
    for (name, service) in services(&compose) {
        found.push((format!("compose.yaml, {name}"), strings(&service["command"])));
    }
    for (name, pod) in pods(&objects()) {
        for container in pod["containers"].as_array().expect("a pod has containers") {
            found.push((format!("kubernetes, {name}"), strings(&container["args"])));
        }
    }
    let unit = text("deploy/systemd/tollbook.service");
    for line in unit.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/tollbook ")) {
        found.push(("tollbook.service".to_owned(), line.split_whitespace().map(str::to_owned).collect()));
    }
    found
}

pub(crate) fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).iter().map(string).collect()
}
