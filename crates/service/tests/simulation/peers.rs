//! Who takes mails and webhooks? A server of each that drops, delays, refuses and lies, as chance says, and counts copies.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tollbook::db::Faults;

use crate::chance::Chance;

/// So long the slow ones take: less than anybody waits.
const SLOW: Duration = Duration::from_millis(40);
/// A message is lied about at most so often; of a mail nothing is said as often as it comes.
const MOST_LIES: u64 = 2;
/// A mail of which nobody knows whether it arrived is sent so often in all.
const MOST_COPIES: u64 = 3;

/// What a peer does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Slow,
    /// Goes away before it took anything.
    Drops,
    /// Says that it cannot now.
    Refuses,
    /// Takes it, and goes away without an answer.
    TakesAndDrops,
    /// Takes it, and says that it did not.
    TakesAndDenies,
    /// Takes it, and the program dies before it hears of that.
    TakesAndKills,
}

impl Mood {
    fn name(self) -> &'static str {
        match self {
            Self::Takes => "takes",
            Self::Slow => "delays",
            Self::Drops => "drops",
            Self::Refuses => "refuses",
            Self::TakesAndDrops => "takes it and drops the answer",
            Self::TakesAndDenies => "takes it and denies it",
            Self::TakesAndKills => "takes it and the program dies",
        }
    }

    fn takes(self) -> bool {
        !matches!(self, Self::Drops | Self::Refuses)
    }
}

/// What was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// How often it was taken.
    pub(crate) copies: u64,
    /// How often it was taken without the sender knowing.
    lies: u64,
    /// How often it was taken and the sender told that it was not.
    denials: u64,
    /// How often it was dropped before it was taken.
    drops: u64,
    /// So many reasons to send something again there were when it first came.
    reasons: u64,
    pub(crate) subject: String,
    pub(crate) to: String,
}

/// What the peers know and are up to.
struct Told {
    chance: Chance,
    is_calm: bool,
    /// Who dies while sending.
    victim: Option<Faults>,
    mails: BTreeMap<String, Message>,
    hooks: BTreeMap<String, Message>,
    faults: BTreeMap<String, u64>,
    /// Programs that met a fault or a wrong time while they may have sent something.
    reasons: u64,
}

#[derive(Clone)]
pub(crate) struct Peers {
    told: Arc<Mutex<Told>>,
    pub(crate) smtp: u16,
    pub(crate) hooks: u16,
}

impl Peers {
    pub(crate) async fn start(seed: u64) -> Self {
        let (chance, none) = (Chance::new(seed, 0xBEEF), BTreeMap::new());
        let told = Told {
            chance,
            is_calm: false,
            victim: None,
            mails: none.clone(),
            hooks: none,
            faults: BTreeMap::new(),
            reasons: 0,
        };
        let told = Arc::new(Mutex::new(told));
        let (smtp, hooks) = (listener().await, listener().await);
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let peers = Self { told, smtp: port(&smtp), hooks: port(&hooks) };
        let mails = peers.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = smtp.accept().await {
                let peers = mails.clone();
                tokio::spawn(async move { peers.take_mail(stream).await });
            }
        });
        let router = Router::new().fallback(take_hook).with_state(peers.clone());
        tokio::spawn(async move { axum::serve(hooks, router).await });
        peers
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything is taken, and nobody dies.
    pub(crate) fn be_calm(&self, is_calm: bool) {
        self.told().is_calm = is_calm;
    }

    /// Names who may die while sending.
    pub(crate) fn aim(&self, victim: Option<Faults>) {
        self.told().victim = victim;
    }

    /// A program met a fault: what it sent may be sent again.
    pub(crate) fn give_reason(&self) {
        self.told().reasons += 1;
    }

    /// A message that was taken more often than there was reason to.
    pub(crate) fn sent_too_often(&self) -> Option<String> {
        let told = self.told();
        let with_reason = |message: &Message| 1 + message.lies + told.reasons - message.reasons;
        // Whoever denies a mail says that it did not arrive: then it is sent again.
        let mails =
            told.mails.iter().map(|(id, mail)| (id, mail, with_reason(mail).min(MOST_COPIES + mail.denials)));
        let hooks = told.hooks.iter().map(|(id, hook)| (id, hook, with_reason(hook)));
        let too_often = mails.chain(hooks).find(|(_, message, most)| message.copies > *most);
        too_often.map(|(id, message, most)| format!("{id} was sent more than {most} times: {message:?}"))
    }

    /// Faults of peers so far, by what they were.
    pub(crate) fn faults(&self) -> BTreeMap<String, u64> {
        self.told().faults.clone()
    }

    pub(crate) fn mails(&self) -> BTreeMap<String, Message> {
        self.told().mails.clone()
    }

    pub(crate) fn hooks(&self) -> BTreeMap<String, Message> {
        self.told().hooks.clone()
    }

    /// Takes a message, or not.
    fn judge(&self, kind: &str, id: &str, message: &Message) -> Mood {
        let mut told = self.told();
        let roll = if told.is_calm { 99 } else { told.chance.below(100) };
        let reasons = told.reasons;
        let known = if kind == "mail" { &mut told.mails } else { &mut told.hooks };
        let entry = known.entry(id.to_owned()).or_insert_with(|| Message { reasons, ..message.clone() });
        let may_lie = entry.lies < MOST_LIES;
        let may_be_silent = may_lie || kind == "mail";
        let mut mood = match roll {
            // A mail that was dropped three times would be given up and nowhere.
            0..=3 if entry.drops == 0 || kind != "mail" => Mood::Drops,
            4..=9 => Mood::Refuses,
            10..=15 if may_be_silent => Mood::TakesAndDrops,
            16..=21 if may_lie => Mood::TakesAndDenies,
            22..=30 if may_be_silent => Mood::TakesAndKills,
            31..=38 => Mood::Slow,
            _ => Mood::Takes,
        };
        if mood == Mood::TakesAndKills && told.victim.is_none() {
            mood = Mood::Takes;
        }
        let known = if kind == "mail" { &mut told.mails } else { &mut told.hooks };
        if let Some(entry) = known.get_mut(id) {
            entry.copies += u64::from(mood.takes());
            entry.lies += u64::from(mood.takes() && !matches!(mood, Mood::Takes | Mood::Slow));
            entry.denials += u64::from(mood == Mood::TakesAndDenies);
            entry.drops += u64::from(mood == Mood::Drops);
        }
        if mood != Mood::Takes {
            *told.faults.entry(format!("{kind} peer {}", mood.name())).or_default() += 1;
        }
        if mood == Mood::TakesAndKills
            && let Some(victim) = told.victim.take()
        {
            victim.kill();
        }
        mood
    }

    async fn take_mail(&self, stream: TcpStream) {
        // A sender that goes away ends it.
        let _ = self.speak(stream).await;
    }

    async fn speak(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 peer ESMTP\r\n").await?;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb: String = line.chars().take(4).collect::<String>().to_ascii_uppercase();
            let answer: &[u8] = match verb.as_str() {
                "EHLO" | "HELO" => b"250-peer\r\n250 8BITMIME\r\n",
                "DATA" => b"354 go on\r\n",
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            stream.write_all(answer).await?;
            if verb == "QUIT" {
                return Ok(());
            }
            if verb == "DATA" {
                let Some((id, message)) = read_mail(&mut stream).await? else { return Ok(()) };
                let answer: &[u8] = match self.judge("mail", &id, &message) {
                    Mood::Drops | Mood::TakesAndDrops | Mood::TakesAndKills => return Ok(()),
                    Mood::Refuses | Mood::TakesAndDenies => b"451 not now\r\n",
                    Mood::Slow => {
                        tokio::time::sleep(SLOW).await;
                        b"250 taken\r\n"
                    }
                    Mood::Takes => b"250 taken\r\n",
                };
                stream.write_all(answer).await?;
            }
        }
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free")
}

/// A mail up to its end, if it comes to one.
async fn read_mail(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, Message)>> {
    let (mut id, mut message, mut line, mut in_head) = (String::new(), Message::default(), Vec::new(), true);
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        match text.split_once(": ") {
            _ if text == "." => return Ok(Some((id, message))),
            _ if text.is_empty() => in_head = false,
            Some(("Message-ID", value)) if in_head => value.clone_into(&mut id),
            Some(("Subject", value)) if in_head => value.clone_into(&mut message.subject),
            Some(("To", value)) if in_head => value.clone_into(&mut message.to),
            _ => {}
        }
    }
}

async fn take_hook(State(peers): State<Peers>, headers: HeaderMap, body: Bytes) -> Response {
    let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let payload: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let subject = format!("{} {}", text(&payload["type"]), text(&payload["data"]["number"]));
    let message = Message { subject, ..Message::default() };
    match peers.judge("webhook", id, &message) {
        Mood::Takes => StatusCode::NO_CONTENT.into_response(),
        Mood::Slow => {
            tokio::time::sleep(SLOW).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Mood::Refuses | Mood::TakesAndDenies => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        // An answer that breaks off.
        Mood::Drops | Mood::TakesAndDrops | Mood::TakesAndKills => {
            let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("gone")) });
            (StatusCode::SERVICE_UNAVAILABLE, axum::body::Body::from_stream(broken)).into_response()
        }
    }
}
