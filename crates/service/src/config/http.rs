//! Where the API listens, and what it lets a client do.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    pub body_limit_bytes: usize,
    pub header_timeout_seconds: u64,
    pub body_timeout_seconds: u64,
    pub first_byte_seconds: u64,
    pub connections: usize,
    pub connections_per_address: usize,
    pub switch_connections: usize,
    #[serde(deserialize_with = "networks")]
    pub switches: Vec<IpNet>,
    pub probes: Option<SocketAddr>,
    pub drain_seconds: u64,
    pub shutdown_seconds: u64,
    pub requests_per_second: u32,
    pub burst: u32,
    pub token_requests_per_minute: u32,
    pub wrong_credentials_per_minute: u32,
    pub unlimited: Vec<String>,
    #[serde(deserialize_with = "networks")]
    pub proxies: Vec<IpNet>,
}

fn networks<'de, D: Deserializer<'de>>(settings: D) -> std::result::Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let alone = text.parse::<IpAddr>().map(IpNet::from);
        let network = alone.or_else(|_| text.parse::<IpNet>());
        network.map_err(|_| serde::de::Error::custom(format!("`{text}` is neither an address nor a network")))
    };
    Vec::<String>::deserialize(settings)?.into_iter().map(network).collect()
}
