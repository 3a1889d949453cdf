//! Can an auditor check offline, with the program that stands in docs/audit.md, that nothing was changed?

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tollbook::db::Tx;
use tollbook::seals::{self, Asked, Proven};

use crate::seals::{books, inserted, sealed};
use crate::support::operator::operator;
use crate::support::program::{done, failed};
use crate::support::python::python;
use crate::support::{TestApp, on_both_databases};

/// The program of an auditor.
fn program() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (program, _) = rest.split_once("```").unwrap();
    assert!(program.lines().count() <= 30, "it is short enough to be read");
    program.to_owned()
}

/// What the program says of a proof, and whether it is satisfied.
fn audited(proof: &Value, hash: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let (script, file) = (folder.path().join("verify.py"), folder.path().join("proof.json"));
    std::fs::write(&script, program()).unwrap();
    std::fs::write(&file, proof.to_string()).unwrap();
    audited_file(&script, &file, hash)
}

fn audited_file(script: &Path, proof: &Path, hash: &str) -> (bool, String) {
    let output = Command::new(python()).arg("-B").args([script, proof]).arg(hash).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

async fn proven(tx: &mut Tx, asked: &Asked) -> Value {
    match seals::prove(tx, asked, None).await.unwrap() {
        Proven::Proof(proof) => serde_json::to_value(&proof).unwrap(),
        refusal => panic!("{asked}: {refusal}"),
    }
}

/// The hash of the last seal, as it was handed out.
async fn handed_out(db: &TestApp) -> String {
    let answer = db.get("/v1/audit/seals?limit=1").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["items"][0]["hash"].as_str().unwrap().to_owned()
}

fn call(id: &str) -> Asked {
    Asked::Call { source: "switch".to_owned(), record_id: id.to_owned() }
}

fn document(number: &str) -> Asked {
    Asked::Document { number: number.to_owned() }
}

fn day() -> Asked {
    Asked::Day("2026-11-05".parse().unwrap())
}

on_both_databases! {
    async fn a_proof_convinces_somebody_who_knows_the_seal(db: TestApp) {
        books(&db).await;
        sealed(&db.app).await;
        let hash = handed_out(&db).await;
        let mut tx = db.app.db.read().await.unwrap();
        for (asked, shown) in [
            (call("a1"), "'amount': 40000"), (document("INV-2026-000001"), "'net': 80000, 'tax': 20000, 'gross': 100000"),
            (document("INV-2026-000002"), "'number': 'INV-2026-000002'"), (document("INV-2026-000002"), "'gross': 11780000"),
            (document("CN-2026-000001"), "'number': 'CN-2026-000001'"), (document("CN-2026-000001"), "'gross': 11780000"),
        ] {
            let proof = proven(&mut tx, &asked).await;
            let (is_sound, said) = audited(&proof, &hash);
            assert!(is_sound && said.contains(shown) && said.ends_with("1 rows as sealed, 0 faults\n"), "{asked}: {said}");
        }
        let proof = proven(&mut tx, &day()).await;
        let (is_sound, said) = audited(&proof, &hash);
        let rows: i64 = proof["seals"].as_array().unwrap().iter().map(|seal| seal["rows"].as_i64().unwrap()).sum();
        assert!(is_sound && said.ends_with(&format!("{rows} rows as sealed, 0 faults\n")), "{said}");
        assert!(said.contains("'postings': 'bank 50000, receivable -50000'") && said.contains("POST /v1/plans"), "{said}");
        // An earlier seal is enough for what it seals.
        let first = proof["seals"][0]["hash"].as_str().unwrap();
        assert!(audited(&proven(&mut tx, &call("a1")).await, first).0);
        let (is_sound, said) = audited(&proven(&mut tx, &call("a1")).await, &"0".repeat(64));
        assert!(!is_sound && said.contains("none of these seals has the hash"), "{said}");
    }

    async fn each_damage_is_named_by_the_auditor(db: TestApp) {
        books(&db).await;
        sealed(&db.app).await;
        let hash = handed_out(&db).await;
        for (damage, asked, fault) in [
            ("update calls set amount = amount + 1 where record_id = 'a1'", call("a1"), "changed: {'customer_id'"),
            ("update calls set amount = amount + 1 where record_id = 'a1'", day(), "changed: {'customer_id'"),
            ("delete from calls where record_id = 'a1'", day(), "removed: a call of cus_"),
            (&inserted("x1", "started_at", "seal_batch_id"), day(), "'record_id': 'x1'"),
            (&inserted("x1", "started_at", "seal_batch_id"), call("x1"), "inserted: {'customer_id'"),
            ("update postings set amount = amount + 1 where account = 'bank'", day(), "changed: {'customer_id'"),
            ("update audit_entries set subject = 'x' where action = 'POST /v1/plans'", day(), "changed: {'audit_id'"),
            ("delete from audit_entries where action = 'POST /v1/plans'", day(), "removed: audit entry aud_"),
            ("update invoices set content = replace(content, 'Hundred', 'Fifty')", document("INV-2026-000002"), "changed: {'number': 'INV-2026-000002'"),
            ("update invoices set gross = gross + 1 where number = 'INV-2026-000001'", document("INV-2026-000001"), "changed: {'number'"),
            ("update invoices set content = (select i.content from invoices i where i.number = 'INV-2026-000002')", document("INV-2026-000001"), "changed: {'number'"),
            ("update invoice_directory set chain_hash = content_hash where number = 'INV-2026-000001'", document("INV-2026-000002"), "changed: {'number'"),
            ("delete from seal_batches where batch_id = (select min(batch_id) from seal_batches)", day(), "broken: "),
            ("delete from seals where number = 2", day(), "broken: seal 3 does not follow the one before it"),
            ("update seals set sealed_at = (select sealed_at from seals where number = 3), row_count = 1 where number = 1", day(), "broken: "),
        ] {
            let mut tx = db.app.db.begin().await.unwrap();
            assert!(tx.execute(damage, &[]).await.unwrap() > 0, "{damage}");
            let (is_sound, said) = audited(&proven(&mut tx, &asked).await, &hash);
            assert!(!is_sound && said.contains(fault), "{damage}: {said}");
        }
        // A proof that somebody edited.
        let mut proof = proven(&mut db.app.db.read().await.unwrap(), &call("a1")).await;
        proof["seals"][0]["rows"] = json!(1);
        assert!(audited(&proof, &hash).1.contains("broken: "));
    }

    async fn the_commands_write_what_is_to_be_handed_out(db: TestApp) {
        books(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let (script, proof) = (folder.path().join("verify.py"), folder.path().join("proof.json"));
        std::fs::write(&script, program()).unwrap();
        assert!(failed(&db.url, &["audit", "proof", "call", "switch", "a3"]).contains("tollbook audit seal"));
        assert!(done(&db.url, &["audit", "seal"]).starts_with("3 "));
        let seals = done(&db.url, &["audit", "seals", "--limit", "1"]);
        let hash = seals.trim_end().rsplit(' ').next().unwrap();
        let file = proof.to_str().unwrap();
        done(&db.url, &["audit", "proof", "call", "switch", "a3", "-o", file]);
        assert!(audited_file(&script, &proof, hash).0);
        let seals: Value = serde_json::from_str(&done(&db.url, &["--json", "audit", "seals"])).unwrap();
        done(&db.url, &["audit", "proof", "invoice", "INV-2026-000001", "--until", "2", "--output", file]);
        assert!(audited_file(&script, &proof, seals[1]["hash"].as_str().unwrap()).0, "{seals}");
        assert!(!audited_file(&script, &proof, hash).0, "it does not reach so far");
        for (asked, refusal) in [
            (&["call", "switch", "a9"][..], "it is not there"), (&["invoice", "INV-1"], "it is not there"),
            (&["day", "2001-01-01"], "no seal was made on that day"), (&["call", "switch", "a3", "--until", "1"], "there is no seal 1"),
            (&["call", "switch", "a3", "--until", "99"], "there is no seal 99"), (&["day", "yesterday"], "invalid value"),
        ] {
            let said = failed(&db.url, &[&["audit", "proof"], asked].concat());
            assert!(said.contains(refusal), "{asked:?}: {said}");
        }
        assert!(done(&db.url, &["check"]).ends_with("all adds up\n"));
    }

    async fn nothing_is_sealed_in_a_new_database(db: TestApp) {
        assert!(done(&db.url, &["audit", "seals"]).starts_with("nothing is sealed yet"));
        assert_eq!(db.get("/v1/audit/seals").await.body["items"], json!([]));
        operator(&db).await;
        sealed(&db.app).await;
        let page = db.get("/v1/audit/seals?limit=1").await.body;
        assert_eq!((&page["items"][0]["number"], &page["next"]), (&json!(1), &Value::Null), "{page}");
        assert_eq!(db.get("/v1/audit/seals?cursor=x").await.status, 400);
    }
}

#[test]
fn the_program_says_what_it_is_to_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("verify.py");
    std::fs::write(&script, program()).unwrap();
    let output =
        Command::new(python()).arg("-B").args([script.as_path(), Path::new("proof.json")]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.trim() == "usage: python verify.py proof.json HASH", "{said}");
}
