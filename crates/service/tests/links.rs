//! Is a link to a document as good as a key, and can the key be taken back?

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::ToSpan;
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tollbook::retention;

use crate::support::mailing::{
    DONE, Invoiced, enqueue, execute, invoiced, link_in, links, mailbox, mails, parse, pass, the_mail, work,
};
use crate::support::program::{done, failed};
use crate::support::{TestApp, on_both_databases};

/// Mails the invoice of somebody as a link, and answers the link's path. Links are signed with the secret in a folder.
async fn linked(db: &mut TestApp, secrets: &TempDir) -> (Invoiced, TempDir, String) {
    let (folder, app) = mailbox(db, &links(secrets.path()));
    db.app = app;
    let of = invoiced(db).await;
    enqueue(db, &[of.job()]).await;
    assert_eq!(work(&db.app).await, DONE);
    let link = link_in(&parse(&the_mail(&folder)).body_text(0).unwrap());
    (of, folder, link)
}

/// Mails it once more; answers the newest link.
async fn another(db: &TestApp, of: &Invoiced, folder: &TempDir) -> String {
    std::fs::remove_dir_all(folder.path().join("mail")).unwrap();
    let answer = db.post_json(&format!("{}/mail", path(of)), &json!({})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(work(&db.app).await, DONE);
    assert_eq!(mails(folder).len(), 1);
    link_in(&parse(&the_mail(folder)).body_text(0).unwrap())
}

/// A link as it was made before links had ids.
fn link_of_before(of: &Invoiced, expires: &str) -> String {
    let claim = format!("{}.{}.{expires}", of.invoice, of.customer);
    let key = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key.chain_update(&claim).finalize().into_bytes());
    format!("/d/{claim}.{signature}")
}

fn path(of: &Invoiced) -> String {
    format!("/v1/customers/{}/invoices/{}", of.customer, of.invoice)
}

async fn listed(db: &TestApp, of: &Invoiced) -> Vec<Value> {
    let answer = db.get(&format!("{}/links", path(of))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.as_array().unwrap().clone()
}

async fn opens(db: &TestApp, link: &str) -> u16 {
    db.get(link).await.status.as_u16()
}

on_both_databases! {
    async fn a_link_takes_the_place_of_the_pdf_until_it_expires(db: TestApp) {
        let secrets = tempfile::tempdir().unwrap();
        let (folder, app) = mailbox(&db, &links(secrets.path()));
        let mut db = db;
        db.app = app;
        let of = invoiced(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&db.app).await, DONE);
        let mail = the_mail(&folder);
        let mail = parse(&mail);
        assert_eq!(mail.attachments().count(), 0);
        let text = mail.body_text(0).unwrap();
        assert!(text.contains("works until 4 December 2026"), "{text}");
        let link = link_in(&text);
        assert!(mail.body_html(0).unwrap().contains(&format!("<a href=\"https:&#x2f;&#x2f;bill.example.org{}\"", link.replace('/', "&#x2f;"))));
        let pdf = db.get(&link).await;
        assert_eq!((pdf.status.as_u16(), &pdf.headers["content-type"]), (200, &"application/pdf".parse().unwrap()));
        assert_eq!(pdf.headers["content-disposition"], "inline; filename=\"INV-2026-000001.pdf\"");
        assert_eq!(pdf.headers["cache-control"], "private, no-store");
        pass(&db, 30 * 86_400 - 1);
        assert_eq!(db.get(&link).await.status, 200);
        pass(&db, 1);
        assert_eq!(db.get(&link).await.status, 410);
    }

    async fn a_link_that_was_not_signed_here_opens_nothing(db: TestApp) {
        let secrets = tempfile::tempdir().unwrap();
        let (folder, app) = mailbox(&db, &links(secrets.path()));
        let mut db = db;
        let plain = std::mem::replace(&mut db.app, app);
        let of = invoiced(&db).await;
        enqueue(&db, &[of.job()]).await;
        assert_eq!(work(&db.app).await, DONE);
        let link = link_in(&parse(&the_mail(&folder)).body_text(0).unwrap());
        assert_eq!(db.get(&link).await.status, 200);
        let parts: Vec<_> = link["/d/".len()..].split('.').collect();
        let [invoice, customer, expires, id, signature] = parts[..] else { panic!("{parts:?}") };
        let other = if signature.starts_with('A') { "B" } else { "A" };
        for forged in [
            format!("{invoice}.{customer}.{expires}.{id}.{other}{}", &signature[1..]),
            format!("{invoice}.{customer}.{expires}.{signature}"),
            format!("{invoice}.{customer}.{expires}.lnk_0000000000007.{signature}"),
            format!("{invoice}.{customer}.99999999999.{id}.{signature}"),
            format!("inv_0000000000007.{customer}.{expires}.{id}.{signature}"),
            format!("{invoice}.{customer}.{expires}.{id}."),
            format!("{invoice}.{customer}.{expires}.{id}"),
            signature.to_owned(),
            "%00".to_owned(),
        ] {
            assert_eq!(db.get(&format!("/d/{forged}")).await.status, 404, "{forged}");
        }
        // Another secret has signed nothing; no secret neither.
        std::fs::write(secrets.path().join("secret"), "another secret of thirty-two letters").unwrap();
        let secret = secrets.path().join("secret");
        db.app = db.configured(&format!("[delivery]\nsecret_file = \"{}\"", secret.display())).unwrap();
        assert_eq!(db.get(&link).await.status, 404);
        db.app = plain;
        assert_eq!(db.get(&link).await.status, 404);
    }

    async fn one_link_is_revoked_and_the_others_go_on(db: TestApp) {
        let (mut db, secrets) = (db, tempfile::tempdir().unwrap());
        let (of, folder, first) = linked(&mut db, &secrets).await;
        pass(&db, 60);
        let second = another(&db, &of, &folder).await;
        let found = listed(&db, &of).await;
        assert_eq!(found.len(), 2, "{found:?}");
        // The newest first, and each names itself in its address.
        let ids: Vec<_> = found.iter().map(|link| link["id"].as_str().unwrap()).collect();
        assert!(second.contains(ids[0]) && first.contains(ids[1]), "{ids:?} {first} {second}");
        assert_eq!(found[1]["created_at"], "2026-11-05T12:00:00Z");
        let revoke = format!("{}/links/revoke", path(&of));
        let answer = db.post_json_once(&revoke, "k-1", &json!({"links": [ids[1]]})).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &json!({"revoked": 1})), "{answer:?}");
        assert_eq!((opens(&db, &first).await, opens(&db, &second).await), (410, 200));
        assert!(listed(&db, &of).await[1]["revoked_at"].is_string());
        // Once more does nothing more; what is not there, or another document's, is refused.
        assert_eq!(db.post_json(&revoke, &json!({"links": [ids[1]]})).await.body, json!({"revoked": 0}));
        for wrong in [json!({"links": ["lnk_0000000000007"]}), json!({"links": ["lnk_0000000000000"]}), json!({"links": []}),
                      json!({"links": ["inv_0000000000007"]}), json!({"link": ids[0]})] {
            assert_eq!(db.post_json(&revoke, &wrong).await.status, 422, "{wrong}");
        }
        assert_eq!(opens(&db, &second).await, 200);
        for unknown in ["inv_0000000000007", "cus_0000000000007"] {
            let path = path(&of).replace(&of.invoice.to_string(), unknown);
            assert_eq!(db.get(&format!("{path}/links")).await.status, 404, "{unknown}");
            assert_eq!(db.post_json(&format!("{path}/links/revoke"), &json!({})).await.status, 404, "{unknown}");
        }
    }

    async fn links_of_before_they_had_ids_work_until_all_are_revoked(db: TestApp) {
        let (mut db, secrets) = (db, tempfile::tempdir().unwrap());
        let (of, folder, first) = linked(&mut db, &secrets).await;
        let expires = (db.app.clock.now() + 24.hours()).as_second().to_string();
        let before = link_of_before(&of, &expires);
        assert_eq!(opens(&db, &before).await, 200);
        assert_eq!(opens(&db, &link_of_before(&of, "1")).await, 410);
        // They have no id, so they are not among those that are listed.
        assert_eq!(listed(&db, &of).await.len(), 1);
        let revoked = db.post_json(&format!("{}/links/revoke", path(&of)), &json!({})).await;
        assert_eq!(revoked.body, json!({"revoked": 1}), "{revoked:?}");
        assert_eq!((opens(&db, &before).await, opens(&db, &first).await), (410, 410));
        // Those that are made from then on work.
        pass(&db, 60);
        let later = another(&db, &of, &folder).await;
        assert_eq!(opens(&db, &later).await, 200);
        assert_eq!(opens(&db, &before).await, 410);
    }

    async fn a_link_that_was_never_stored_opens_nothing(db: TestApp) {
        let (mut db, secrets) = (db, tempfile::tempdir().unwrap());
        let (_of, _folder, link) = linked(&mut db, &secrets).await;
        execute(&db, "delete from document_links", &[]).await;
        assert_eq!(opens(&db, &link).await, 404);
    }

    async fn the_commands_list_and_revoke(db: TestApp) {
        let (mut db, secrets) = (db, tempfile::tempdir().unwrap());
        let (of, folder, first) = linked(&mut db, &secrets).await;
        pass(&db, 60);
        let second = another(&db, &of, &folder).await;
        let ids: Vec<_> = listed(&db, &of).await.iter().map(|link| link["id"].as_str().unwrap().to_owned()).collect();
        // The program goes by today's clock: these expire later.
        execute_all(&db, "update document_links set expires_at = $1", "2999-01-01T00:00:00Z").await;
        let number = "INV-2026-000001";
        let words = done(&db.url, &["invoice", "links", number]);
        assert!(words.starts_with(&format!("{}  made ", ids[0])) && words.contains(&ids[1]), "{words}");
        let words = done(&db.url, &["invoice", "links", number, "--revoke", &ids[1]]);
        assert_eq!(words, format!("1 links to {number} revoked\n"));
        assert_eq!((opens(&db, &first).await, opens(&db, &second).await), (410, 200));
        let error = failed(&db.url, &["invoice", "links", number, "--revoke", "lnk_0000000000007"]);
        assert!(error.contains("lnk_0000000000007 is not a link to INV-2026-000001"), "{error}");
        let words = done(&db.url, &["--json", "invoice", "links", number, "--revoke-all"]);
        assert_eq!(serde_json::from_str::<Value>(&words).unwrap()["revoked"], 1);
        assert_eq!(opens(&db, &second).await, 410);
        assert!(failed(&db.url, &["invoice", "links", "INV-2026-000009"]).contains("no invoice or credit note has"));
        // The invoice itself is shown as before.
        assert!(done(&db.url, &["invoice", number]).contains(number));
    }

    async fn what_expired_is_purged(db: TestApp) {
        let (mut db, secrets) = (db, tempfile::tempdir().unwrap());
        let (of, _folder, _link) = linked(&mut db, &secrets).await;
        assert_eq!(retention::purge(&db.app).await.unwrap().links, 0);
        pass(&db, 31 * 86_400);
        assert_eq!(listed(&db, &of).await, Vec::<Value>::new());
        assert_eq!(retention::outlook(&db.app).await.unwrap().links, 1);
        assert_eq!(retention::purge(&db.app).await.unwrap().links, 1);
        assert_eq!(retention::purge(&db.app).await.unwrap().links, 0);
    }
}

async fn execute_all(db: &TestApp, sql: &str, at: &str) {
    let mut tx = db.app.db.begin().await.unwrap();
    tx.execute(sql, &[&tollbook::db::Ts(at.parse().unwrap())]).await.unwrap();
    tx.commit().await.unwrap();
}
