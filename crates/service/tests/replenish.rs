//! Is a top-up asked for, once, when a customer's money is low, whatever the payment service does?

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tollbook::app::App;
use tollbook::config::Config;
use tollbook::jobs::Worked;
use tollbook::prepaid::TopUpService;

use crate::support::account::Account;
use crate::support::cycle::{at, customer, line, provider};
use crate::support::mailing::{DONE, FAILED, NOTHING, PUT_OFF, execute, parse, pass, work};
use crate::support::payment_service::{Answer, PaymentService, secret_file};
use crate::support::purse::{assert_purses_add_up, prepaid_plan};
use crate::support::{TestApp, on_both_databases};

const NOW: &str = "2026-10-15T08:00:00Z";
const DAY: i64 = 24 * 3_600;
const TAKEN: Answer = Answer::Status(200, "");

/// A customer with 10.00, for whom 20.00 are asked for below 5.00.
async fn with_ten<'a>(db: &'a TestApp, reference: &str) -> Account<'a> {
    let party = json!({"name": "Änne Brandt", "country": "DE", "email": "anna@example.org"});
    let more = json!({"party": party, "lines": line(&format!("+4930231250{:02}", reference.len()))});
    let account = customer(db, reference, "Europe/Berlin", ("Per call", NOW), more).await;
    account.top_up(&format!("{reference} first"), "10.00", json!({})).await;
    account.agree(json!({"low_balance": "5.00", "top_up_amount": "20.00"})).await;
    account
}

async fn one_with_ten(db: &TestApp) -> Account<'_> {
    db.app.clock.set(at(NOW));
    provider(db).await;
    prepaid_plan(db, "Per call", "0", json!({})).await;
    with_ten(db, "A").await
}

/// All jobs of a customer, the newest first: kind, number, state and last error.
async fn jobs(account: &Account<'_>) -> Vec<(String, i64, String, String)> {
    let all = account.db.get("/v1/jobs").await.body["items"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |job: &Value| {
        let number = job["job"]["number"].as_i64().unwrap();
        (text(&job["job"]["kind"]), number, text(&job["state"]), text(&job["last_error"]))
    };
    let id = account.id.to_string();
    all.as_array().unwrap().iter().filter(|job| job["job"]["customer_id"] == id.as_str()).map(of).collect()
}

async fn last_error(account: &Account<'_>) -> String {
    jobs(account).await[0].3.clone()
}

fn body(service: &PaymentService, place: usize) -> Value {
    serde_json::from_str(&service.asked()[place].body).unwrap()
}

fn mails(app: &App) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(&app.config.mail.folder).into_iter().flatten();
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

on_both_databases! {
    async fn a_top_up_is_asked_for_once_until_it_comes(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let folder = tempfile::tempdir().unwrap();
        let key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = secret_file(&folder.path().join("secret"), &format!("whsec_{key}"));
        let app = db.configured(&service.settings(&secret)).unwrap();
        let account = one_with_ten(&db).await;
        account.take("a1", "5.00").await;
        // 5.00 are not below 5.00.
        assert_eq!(work(&app).await, NOTHING);
        account.take("a2", "0.01").await;
        account.take("a3", "1.00").await;
        assert_eq!(work(&app).await, DONE);
        account.take("a4", "1.00").await;
        assert_eq!(work(&app).await, NOTHING);
        let asked = service.asked();
        let reference = format!("auto-{}-1", account.id);
        let expected = json!({"customer_id": account.id, "customer_reference": "A", "amount": "20.00",
                              "currency": "EUR", "top_up_reference": reference});
        assert_eq!((asked.len(), body(&service, 0)), (1, expected));
        let header = |name: &str| asked[0].headers[name].to_str().unwrap();
        assert_eq!((header("content-type"), header("webhook-timestamp")), ("application/json", "1792051200"));
        assert!(header("webhook-id").starts_with("job_"));
        let signed = format!("{}.1792051200.{}", header("webhook-id"), asked[0].body);
        let mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap().chain_update(signed);
        assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
        // Another top-up is no answer.
        account.top_up("by hand", "0.50", json!({})).await;
        account.top_up(&reference, "20.00", json!({})).await;
        assert_eq!(work(&app).await, NOTHING);
        account.take("a5", "20.00").await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(body(&service, 1)["top_up_reference"], format!("auto-{}-2", account.id));
        assert_purses_add_up(&db).await;
    }

    async fn it_is_asked_for_as_soon_as_it_is_agreed(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.agree(json!({"low_balance": null})).await;
        account.take("a1", "6.00").await;
        assert_eq!(work(&app).await, NOTHING);
        account.agree(json!({"low_balance": "4.01"})).await;
        assert_eq!(work(&app).await, DONE);
        assert!(!service.asked()[0].headers.contains_key("webhook-signature"));
    }

    async fn what_counts_is_the_customer_s_own_money_that_nothing_holds(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.agree(json!({"credit_limit": "50.00"})).await;
        account.top_up("line", "50.00", json!({"line": "+493023125001"})).await;
        let expiry = "2026-10-15T08:00:10Z";
        account.top_up("gift", "3.00", json!({"name": "Gift", "expires_at": expiry})).await;
        account.reserve("Gift", 1_000_000).await;
        db.app.clock.set(at(expiry));
        account.take("a1", "5.00").await;
        assert_eq!(work(&app).await, NOTHING);
        account.with_purse(|purse| {
            let main = purse.balances().iter().find(|balance| balance.main && balance.line.is_none()).unwrap().id;
            purse.reserve(main, 10_000).unwrap();
        }).await;
        assert_eq!(work(&app).await, DONE);
    }

    async fn what_is_refused_is_given_up_and_asked_for_again_after_a_day(db: TestApp) {
        let service = PaymentService::start(&[Answer::Status(402, "card\nexpired"), TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.take("a1", "6.00").await;
        assert_eq!(work(&app).await, FAILED);
        let error = last_error(&account).await;
        assert!(error.contains("/top-ups answered 402 Payment Required: cardexpired"), "{error}");
        pass(&db, DAY - 1);
        account.take("a2", "1.00").await;
        assert_eq!(work(&app).await, NOTHING);
        pass(&db, 1);
        account.take("a3", "1.00").await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(body(&service, 1)["top_up_reference"], format!("auto-{}-2", account.id));
    }

    async fn what_may_be_taken_later_is_tried_again_under_the_same_id(db: TestApp) {
        let answers = [500, 429, 408, 302, 503].map(|code| Answer::Status(code, "later"));
        let service = PaymentService::start(&[&answers[..], &[Answer::Status(202, "")]].concat()).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.take("a1", "6.00").await;
        for tries in 1..=5 {
            assert_eq!(work(&app).await, PUT_OFF, "{tries}");
            assert!(last_error(&account).await.ends_with(": later"));
            pass(&db, 60 << (tries - 1));
        }
        assert_eq!(work(&app).await, DONE);
        let ids: Vec<_> = service.asked().iter().map(|asked| asked.headers["webhook-id"].clone()).collect();
        assert!(ids.len() == 6 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    async fn a_service_that_hangs_holds_up_one_job_and_no_other(db: TestApp) {
        let service = PaymentService::start(&[Answer::Never, TAKEN]).await;
        let app = db.configured(&service.settings("top_up_timeout_seconds = 1\n")).unwrap();
        let account = one_with_ten(&db).await;
        let other = with_ten(&db, "BB").await;
        account.take("a1", "6.00").await;
        other.take("b1", "6.00").await;
        assert_eq!(work(&app).await, Worked { done: 0, put_off: 2, failed: 0 });
        assert_eq!(service.asked().len(), 1);
        for account in [&account, &other] {
            let error = last_error(account).await;
            assert!(error.contains("took more than 1 s (prepaid.top_up_timeout_seconds)"), "{error}");
        }
        pass(&db, 60);
        assert_eq!(work(&app).await, Worked { done: 2, put_off: 0, failed: 0 });
    }

    async fn a_service_that_is_down_is_asked_when_it_is_back(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let address = service.stop().await;
        let account = one_with_ten(&db).await;
        account.take("a1", "6.00").await;
        assert_eq!(work(&app).await, PUT_OFF);
        let error = last_error(&account).await;
        assert!(error.contains(&address.to_string()) && error.contains("onnect"), "{error}");
        let service = PaymentService::start_at(address, &[TAKEN]).await;
        pass(&db, 60);
        assert_eq!((work(&app).await, service.asked().len()), (DONE, 1));
    }

    async fn who_has_enough_again_is_not_charged_and_may_be_asked_anew(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.take("a1", "6.00").await;
        account.top_up("by hand", "1.00", json!({})).await;
        assert_eq!((work(&app).await, service.asked().len()), (DONE, 0));
        account.take("a2", "1.00").await;
        assert_eq!(work(&app).await, DONE);
        assert_eq!(body(&service, 0)["top_up_reference"], format!("auto-{}-2", account.id));
    }

    async fn a_request_that_another_replaced_is_not_sent(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.take("a1", "6.00").await;
        pass(&db, DAY);
        account.take("a2", "1.00").await;
        assert_eq!(work(&app).await, Worked { done: 2, put_off: 0, failed: 0 });
        assert_eq!((service.asked().len(), &body(&service, 0)["top_up_reference"]), (1, &json!(format!("auto-{}-2", account.id))));
        // So is one that is answered, and one that nobody wants any more.
        let again = "update jobs set state = 'ready', run_at = created_at
                     where kind = 'request_top_up' and key like '% 2'";
        account.agree(json!({"top_up_amount": null})).await;
        execute(&db, again, &[]).await;
        assert_eq!(work(&app).await, DONE);
        account.agree(json!({"top_up_amount": "20.00"})).await;
        account.top_up(&format!("auto-{}-3", account.id), "1.00", json!({})).await;
        assert_eq!(service.asked().len(), 1);
    }

    async fn nothing_is_asked_for_of_who_is_closed(db: TestApp) {
        let service = PaymentService::start(&[TAKEN]).await;
        let app = db.configured(&service.settings("")).unwrap();
        let account = one_with_ten(&db).await;
        account.take("a1", "6.00").await;
        pass(&db, 60);
        let closed_at = db.app.clock.now().to_string();
        let answer = db.post_json(&format!("{}/close", account.path), &json!({"closed_at": closed_at})).await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!((work(&app).await, service.asked().len()), (DONE, 0));
        // Nor is the customer told, where there is no service.
        let folder = tempfile::tempdir().unwrap();
        let app = db.configured(&mail_settings(folder.path())).unwrap();
        execute(&db, "update jobs set state = 'ready', run_at = created_at where kind = 'request_top_up'", &[]).await;
        assert_eq!((work(&app).await, mails(&app).len()), (DONE, 0));
    }

    async fn without_a_service_the_customer_is_told_at_most_once_a_day(db: TestApp) {
        let folder = tempfile::tempdir().unwrap();
        let app = db.configured(&mail_settings(folder.path())).unwrap();
        let account = one_with_ten(&db).await;
        let change = json!({"billing": {"language": "de"}});
        assert_eq!(db.patch_json(&account.path, &change).await.status, 200);
        account.take("a1", "6.00").await;
        account.take("a2", "1.00").await;
        assert_eq!(work(&app).await, DONE);
        let [mail] = &mails(&app)[..] else { panic!("one mail") };
        let mail = parse(mail);
        assert_eq!(mail.subject(), Some("Ihr Guthaben geht zur Neige: 3,00 EUR"));
        assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("anna@example.org"));
        let text = mail.body_text(0).unwrap();
        assert!(text.contains("Ihr Guthaben beträgt 3,00 EUR, das ist weniger als 5,00 EUR."), "{text}");
        pass(&db, DAY);
        account.take("a3", "1.00").await;
        assert_eq!((work(&app).await, mails(&app).len()), (DONE, 2));
    }

    async fn who_is_only_to_be_told_is_told_once_until_there_is_enough(db: TestApp) {
        // Nobody is asked for money that was not agreed.
        let service = PaymentService::start(&[TAKEN]).await;
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("{}{}", mail_settings(folder.path()), service.settings(""));
        let app = db.configured(&settings).unwrap();
        let account = one_with_ten(&db).await;
        account.agree(json!({"top_up_amount": null})).await;
        account.take("a1", "6.00").await;
        assert_eq!(work(&app).await, DONE);
        let [mail] = &mails(&app)[..] else { panic!("one mail") };
        assert_eq!(parse(mail).subject(), Some("Your balance is low: 4.00 EUR"));
        pass(&db, 2 * DAY);
        account.take("a2", "1.00").await;
        assert_eq!(work(&app).await, NOTHING);
        account.top_up("t1", "2.00", json!({})).await;
        account.take("a3", "1.00").await;
        assert_eq!((work(&app).await, mails(&app).len()), (DONE, 2));
        // A top-up that is agreed to now is asked for at once.
        account.agree(json!({"top_up_amount": "20.00"})).await;
        assert_eq!((work(&app).await, service.asked().len()), (DONE, 1));
        assert_eq!(body(&service, 0)["top_up_reference"], format!("auto-{}-3", account.id));
    }

    async fn a_notice_that_is_no_longer_true_is_not_sent(db: TestApp) {
        let folder = tempfile::tempdir().unwrap();
        let app = db.configured(&mail_settings(folder.path())).unwrap();
        let account = one_with_ten(&db).await;
        account.agree(json!({"top_up_amount": null})).await;
        account.take("a1", "6.00").await;
        account.top_up("t1", "2.00", json!({})).await;
        assert_eq!((work(&app).await, mails(&app).len()), (DONE, 0));
        account.take("a2", "2.00").await;
        let party = json!({"party": {"email": null}});
        assert_eq!(db.patch_json(&account.path, &party).await.status, 200);
        // Without an address it is to be printed.
        assert_eq!(work(&app).await, DONE);
        let [(kind, number, state, _), _] = &jobs(&account).await[..] else { panic!("two jobs") };
        assert_eq!((kind.as_str(), number, state.as_str()), ("send_low_balance", &2, "done"));
        let letters = db.get("/v1/letters").await.body;
        assert_eq!(letters["items"][0]["customer_reference"], "A", "{letters}");
    }
}

fn mail_settings(folder: &std::path::Path) -> String {
    format!("[mail]\nfolder = \"{}\"\nfrom = \"billing@harbour.example\"\n", folder.display())
}

#[test]
fn a_wrong_setting_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |secret: &str| secret_file(&folder.path().join(secret.len().to_string()), secret);
    let url = "top_up_url = \"https://pay.example.org/top-ups\"\n";
    let refusal = |settings: &str| {
        let config = Config::from_toml(&format!("[prepaid]\n{settings}"));
        config.and_then(|config| TopUpService::open(&config.prepaid)).err().map(|error| error.to_string())
    };
    let with_secret = |secret: &str| format!("{url}{}", file(secret));
    assert_eq!(refusal(""), None);
    assert_eq!(refusal(&with_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), None);
    for (settings, part) in [
        ("top_up_url = \"pay.example.org\"".to_owned(), "prepaid.top_up_url must be https://HOST/PATH"),
        (format!("{url}top_up_timeout_seconds = 0"), "prepaid.top_up_timeout_seconds must be 1 to 300"),
        (format!("{url}top_up_timeout_seconds = 301"), "prepaid.top_up_timeout_seconds must be 1 to 300"),
        (
            format!("{url}top_up_secret_file = \"/nowhere/secret\""),
            "prepaid.top_up_secret_file `/nowhere/secret`",
        ),
        (with_secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "is not `whsec_`"),
        (with_secret("whsec_c2hvcnQ="), "24 to 64 bytes"),
        (file("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "prepaid.top_up_url is missing"),
    ] {
        let message = refusal(&settings).unwrap_or_else(|| panic!("this was accepted: {settings}"));
        assert!(message.contains(part), "`{part}` should be in: {message}");
    }
}
