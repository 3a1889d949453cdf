// An OpenID Connect provider on loopback: node oidc_provider.mjs FOLDER, where FOLDER has node_modules.
//
// Prints its port. A line on standard input gives it new keys; it answers with a line once it has them. Ends with
// its standard input. Each client's id says what its tokens are like: ROLE, an algorithm, and the audience.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const folder = process.argv[2];
const installed = createRequire(join(folder, "package.json")).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(installed).href);

// Its notices go where nobody waits for an answer.
console.info = console.error;
const say = (line) => process.stdout.write(`${line}\n`);

const ALGORITHMS = ["RS256", "ES256", "EdDSA", "PS256"];
const ROLES = ["operator", "support", "switch", "customer", "nobody"];
const CUSTOMER = process.argv[3];

function key(kind, options, alg) {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg, use: "sig" };
}

function provider(issuer) {
  const keys = [
    key("rsa", { modulusLength: 2048 }, "RS256"),
    key("rsa", { modulusLength: 2048 }, "PS256"),
    key("ec", { namedCurve: "P-256" }, "ES256"),
    key("ed25519", {}, "EdDSA"),
  ];
  const clients = ROLES.flatMap((role) =>
    ALGORITHMS.map((alg) => ({
      client_id: `${role}.${alg}`,
      client_secret: "secret",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
  );
  return new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: [randomUUID()] },
    scopes: ["openid", "plans:read", "calls:read"],
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience, client) => ({
          scope: "plans:read calls:read",
          audience,
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: client.clientId.split(".")[1] } },
        }),
      },
    },
    extraTokenClaims: (_, token) => {
      const role = token.clientId.split(".")[0];
      return { role: ["unrelated", role], customer_id: CUSTOMER };
    },
  });
}

let handle;
const server = createServer((request, response) => handle(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const begin = () => (handle = provider(issuer).callback());
  begin();
  say(server.address().port);
  const lines = createInterface({ input: process.stdin });
  lines.on("line", () => {
    begin();
    say("rotated");
  });
  lines.on("close", () => process.exit(0));
});
