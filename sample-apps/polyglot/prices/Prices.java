import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;

/** Prices knows what a tin of tea costs. It calls nobody. ../prices-v2 is the same in Go, and cheaper. */
public class Prices {
    static final Map<String, Integer> CENTS = Map.of("assam", 590, "oolong", 980, "sencha", 720);

    public static void main(String[] args) throws IOException {
        System.setProperty("sun.net.httpserver.nodelay", "true"); // else half an answer waits up to 40 ms
        var address = new InetSocketAddress(env("HOST", "127.0.0.1"), Integer.parseInt(env("PORT", "8003")));
        var server = HttpServer.create(address, 0);
        server.createContext("/price", Prices::price);
        server.createContext("/healthz", exchange -> reply(exchange, 200, "{\"status\": \"ok\"}"));
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        System.out.println("prices are up on http://" + address.getHostString() + ":" + address.getPort());
    }

    static void price(HttpExchange exchange) throws IOException {
        var started = System.nanoTime();
        var cents = CENTS.get(String.valueOf(exchange.getRequestURI().getQuery()).replaceFirst("^tea=", ""));
        var status = cents == null ? 404 : 200;
        var said = cents == null
                ? "\"error\": \"there is no such tea\", \"failed\": \"prices\""
                : "\"cents\": " + cents;
        System.out.printf("GET /price %d: %s%n", status, cents == null ? "there is no such tea" : cents + " cents");
        reply(exchange, status, "{%s, \"path\": [%s]}".formatted(said, hop("look up the price", started)));
    }

    static String hop(String job, long started) {
        return String.format(
                Locale.ROOT,
                """
                {"service": "%s", "version": "%s", "instance": "%s", "language": "Java %s", "job": "%s", "ms": %.1f}""",
                env("SANDBOX_SERVICE", "prices"),
                env("SANDBOX_VERSION", "v1"),
                env("SANDBOX_INSTANCE", "prices-alone"),
                Runtime.version().feature(),
                job,
                (System.nanoTime() - started) / 1e6);
    }

    static void reply(HttpExchange exchange, int status, String json) throws IOException {
        var body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        try (var out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    static String env(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }
}
