//! Do the files of deployments run what the program is, as somebody who may do little?

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;
use tollbook::config::Config;
use tollbook::mail::Mailer;

use crate::support::deployed::{
    commands, exec_form, instruction, manifests, objects, of_kind, pods, project, services, string, text,
    yaml,
};
use crate::support::program::free_address;
use crate::support::python::python;

const TOLLBOOK: &str = env!("CARGO_BIN_EXE_tollbook");

/// A tool beside the tests' Python.
fn tool(name: &str) -> Command {
    Command::new(python().with_file_name(name))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

#[test]
fn the_manifests_are_what_kubernetes_reads() {
    let mut validate = Command::new(python());
    validate.args(["-m", "kubernetes_validate", "--strict", "-k", "1.33"]).current_dir(project());
    let said = succeeds(validate.args(manifests()));
    assert!(said.matches(" passed ").count() >= 9, "{said}");
    let listed: Vec<_> = yaml("deploy/kubernetes/kustomization.yaml")[0]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| format!("deploy/kubernetes/{}", string(name)))
        .collect();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, manifests(), "each manifest is applied");
}

#[test]
fn the_dockerfile_is_without_reproach() {
    assert_eq!(succeeds(tool("hadolint").arg("Dockerfile").current_dir(project())), "");
}

#[test]
fn every_command_that_a_deployment_runs_is_one() {
    let commands = commands();
    assert_eq!(commands.len(), 9, "{commands:?}");
    for (place, arguments) in commands {
        let output = Command::new(TOLLBOOK).args(&arguments).arg("--help").output().unwrap();
        assert!(output.status.success(), "{place}: {arguments:?}: {output:?}");
    }
}

#[test]
fn every_variable_that_is_named_is_read() {
    let mut known = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                known += &std::fs::read_to_string(entry.path()).unwrap_or_default();
            }
        }
    }
    let units = ["tollbook.service", "tollbook-backup.service"].map(|unit| format!("deploy/systemd/{unit}"));
    let others = ["Dockerfile", "compose.yaml", "scripts/backup", "scripts/restore", "docs/deployment.md"];
    let files = others.iter().map(ToString::to_string).chain(manifests()).chain(units);
    let mut named = 0;
    for file in files {
        let text = text(&file);
        for (at, _) in text.match_indices("TOLLBOOK_") {
            let end = text[at..].find(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
            let name = &text[at..at + end.unwrap_or(text.len() - at)];
            assert!(known.contains(&format!("\"{name}\"")), "{file} names {name}, which nothing reads");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn the_settings_of_deployments_are_settings() {
    for file in ["deploy/compose/settings.toml", "deploy/kubernetes/settings.toml"] {
        let config = Config::from_toml(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(Mailer::open(&config).is_ok(), "{file}");
    }
}

/// Fails until every probe has a path in the API's description.
#[test]
fn probes_ask_what_is_answered() {
    let api = serde_json::to_value(tollbook::http::openapi()).unwrap();
    let mut asked = vec!["/readyz".to_owned()]; // by `tollbook healthcheck`
    for (_, pod) in pods(&objects()) {
        for container in pod["containers"].as_array().unwrap() {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                asked.extend(container[probe]["httpGet"]["path"].as_str().map(str::to_owned));
            }
        }
    }
    assert_eq!(asked.len(), 4);
    for path in asked {
        assert!(api["paths"][&path]["get"].is_object(), "{path} is not answered");
    }
}

#[test]
fn nobody_is_root_and_little_is_writable() {
    let user: u32 = instruction("USER").split(':').next().unwrap().parse().unwrap();
    assert!(user >= 10_000);
    let objects = objects();
    let pods = pods(&objects);
    assert_eq!(pods.len(), 3);
    for (name, pod) in pods {
        let security = &pod["securityContext"];
        assert_eq!(
            (&security["runAsNonRoot"], &security["runAsUser"]),
            (&json!(true), &json!(user)),
            "{name}"
        );
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        for container in pod["containers"].as_array().unwrap() {
            let expected = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                                  "capabilities": {"drop": ["ALL"]}});
            assert_eq!(container["securityContext"], expected, "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            let mounts = container["volumeMounts"].as_array().unwrap();
            let writable: Vec<_> = mounts.iter().filter(|mount| mount["readOnly"] != true).collect();
            assert_eq!(
                (writable.len(), &writable[0]["mountPath"]),
                (1, &json!(instruction("VOLUME"))),
                "{name}"
            );
        }
    }
    let compose = yaml("compose.yaml").remove(0);
    for (name, service) in services(&compose) {
        assert_eq!((&service["read_only"], &service["cap_drop"]), (&json!(true), &json!(["ALL"])), "{name}");
        assert_eq!(service["secrets"], json!(["database-password"]), "{name}");
        let started = name == "migrate" || service["depends_on"]["migrate"]["condition"].is_string();
        assert!(started, "{name} does not wait for the migration");
    }
}

#[test]
fn one_pod_may_go_while_another_answers() {
    let objects = objects();
    let budget = of_kind(&objects, "PodDisruptionBudget")[0];
    let label = &budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"];
    let served = of_kind(&objects, "Deployment")
        .into_iter()
        .find(|made| &made["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == label);
    let spec = &served.expect("the budget is of a deployment")["spec"];
    assert!(spec["replicas"].as_u64() > budget["spec"]["minAvailable"].as_u64());
    assert_eq!(spec["selector"]["matchLabels"]["app.kubernetes.io/component"], *label);
    let service = of_kind(&objects, "Service")[0];
    assert_eq!(service["spec"]["selector"]["app.kubernetes.io/component"], *label);
}

#[test]
fn the_units_are_sound_and_confined() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for unit in ["tollbook.service", "tollbook-backup.service", "tollbook-backup.timer"] {
        let there = text(&format!("deploy/systemd/{unit}")).replace("/usr/local/bin/tollbook", TOLLBOOK);
        let backup = project().join("scripts/backup").display().to_string();
        let path = folder.path().join(unit);
        std::fs::write(&path, there.replace("/usr/local/lib/tollbook/backup", &backup)).unwrap();
        units.push(path);
    }
    assert_eq!(succeeds(Command::new("systemd-analyze").arg("verify").args(&units)), "");
    for service in &units[..2] {
        // Ten times the exposure that it reckons; an unconfined service has 96.
        let mut security = Command::new("systemd-analyze");
        succeeds(security.args(["security", "--offline=yes", "--threshold=20", "--no-pager"]).arg(service));
    }
}

/// What the image holds, in a folder.
struct Image {
    folder: tempfile::TempDir,
}

impl Image {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        succeeds(Command::new(project().join("scripts/image-root")).arg(TOLLBOOK).arg(folder.path()));
        let state = folder.path().join("var/lib/tollbook");
        if is_root(folder.path()) {
            std::os::unix::fs::chown(state, Some(10_001), Some(10_001)).unwrap();
            std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
        }
        Self { folder }
    }

    /// The program in it: nothing outside of the folder is there, and root is not.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = if is_root(self.folder.path()) {
            let mut command = Command::new("chroot");
            command.arg("--userspec=10001:10001");
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "chroot"]);
            command
        };
        command.arg(self.folder.path()).args(exec_form(&instruction("ENTRYPOINT"))).args(arguments);
        let (name, url) =
            instruction("ENV").split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env(name, url);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments).output().unwrap()
    }
}

fn is_root(own: &Path) -> bool {
    std::fs::metadata(own).unwrap().uid() == 0
}

/// Ends with its test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_image_holds_all_that_the_program_needs() {
    let image = Image::new();
    let migrated = image.run(&["migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    assert!(image.folder.path().join("var/lib/tollbook/tollbook.db").exists());
    if is_root(image.folder.path()) {
        let elsewhere = image.run(&["--database-url", "sqlite:///etc/tollbook/other.db", "migrate"]);
        assert!(!elsewhere.status.success(), "the root is writable");
    }
    // A name that is resolved, and an address nobody answers.
    let nobody = free_address();
    let url = format!("http://{nobody}/docs/");
    let healthcheck = ["healthcheck", "--url", &url];
    let unanswered = image.run(&healthcheck);
    assert!(String::from_utf8_lossy(&unanswered.stderr).contains("refused"), "{unanswered:?}");
    let mut serve = image.program(&["serve", "--listen", &nobody.to_string()]);
    let _serving = Serving(serve.stderr(Stdio::null()).spawn().unwrap());
    let healthy = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        image.run(&healthcheck).status.success()
    });
    assert!(healthy, "it does not serve");
    let missing = format!("http://{nobody}/nothing");
    let ill = image.run(&["healthcheck", "--url", &missing]);
    assert!(!ill.status.success() && String::from_utf8_lossy(&ill.stdout).starts_with("404"), "{ill:?}");
}
