// The shop window: it says what a tin of tea costs and when it comes. It calls the cart.

import http from "node:http";

const { CART_URL = "http://cart:8000", HOST = "127.0.0.1", PORT = "8001" } = process.env;
const ME = {
  service: process.env.SANDBOX_SERVICE ?? "storefront",
  version: process.env.SANDBOX_VERSION ?? "v1",
  instance: process.env.SANDBOX_INSTANCE ?? "storefront-alone",
  language: `Node ${process.versions.node}`,
};
const PASS_ON = ["traceparent", "tracestate", "baggage", "x-request-id", "x-canary"];
const WINDOW = "Tea by the tin. Ask /api/quote?tea=assam, oolong or sencha.\n";

async function quote(request, tea) {
  const started = performance.now();
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => PASS_ON.includes(name)));
  const [status, { path, ...answer }] = await ask("cart", `${CART_URL}/total?tea=${encodeURIComponent(tea)}`, headers);
  const price = (answer.cents / 100).toFixed(2);
  const message = answer.error ?? `A tin of ${tea} is ${price} EUR and comes in ${answer.days} days.`;
  const hop = { ...ME, job: "make an offer", ms: since(started) };
  console.log(`GET /api/quote ${status} ${hop.ms} ms: ${message}`);
  return [status, { message, ms: hop.ms, failed: answer.failed, path: [hop, ...path] }];
}

// GET the callee's JSON: [status, answer]. When there is none, the answer says so in the same shape.
async function ask(callee, url, headers) {
  let status = 502;
  let text;
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
    status = response.status;
    text = await response.text();
    return [status, { path: [], ...JSON.parse(text) }];
  } catch (problem) {
    text ??= problem.cause?.message ?? problem.message;
  }
  const error = `no answer from ${callee} (${status}): ${text.trim()}`;
  return [status, { error, failed: callee, path: [{ service: callee, error }] }];
}

function since(started) {
  return Math.round((performance.now() - started) * 10) / 10;
}

function reply(response, status, body) {
  const text = typeof body === "string" ? body : `${JSON.stringify(body, null, 2)}\n`; // people read it with curl
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/json";
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) }).end(text);
}

const server = http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://storefront");
  switch (pathname) {
    case "/":
      return reply(response, 200, WINDOW);
    case "/healthz":
      return reply(response, 200, { status: "ok" });
    case "/api/quote":
      return reply(response, ...(await quote(request, searchParams.get("tea") ?? "sencha")));
    default:
      return reply(response, 404, { message: `the shop has no ${pathname}`, path: [] });
  }
});

process.on("SIGTERM", () => process.exit(0));
server.listen(Number(PORT), HOST, () => console.log(`the shop is open on http://${HOST}:${PORT}`));
