package shop;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.DayOfWeek;
import java.time.LocalDate;
import java.util.concurrent.Executors;

/** The depot knows when the next van leaves. It calls nobody. */
public final class Depot {
    private static final Timetable VANS = new Timetable(DayOfWeek.MONDAY, DayOfWeek.THURSDAY);

    public static void main(String[] args) throws IOException {
        System.setProperty("sun.net.httpserver.nodelay", "true"); // else half an answer waits up to 40 ms
        var address = new InetSocketAddress(env("HOST", "127.0.0.1"), Integer.parseInt(env("PORT", "8005")));
        var server = HttpServer.create(address, 0);
        server.createContext("/next", Depot::next);
        server.createContext("/healthz", exchange -> reply(exchange, "{\"status\": \"ok\"}"));
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        System.out.println("the depot is open on http://" + address.getHostString() + ":" + address.getPort());
    }

    private static void next(HttpExchange exchange) throws IOException {
        var started = System.nanoTime();
        var days = VANS.daysUntilNext(LocalDate.now());
        var hop = Hop.of("look at the timetable", started);
        System.out.printf("GET /next 200: in %d days%n", days);
        reply(exchange, "{\"days\": %d, \"path\": [%s]}".formatted(days, hop.json()));
    }

    private static void reply(HttpExchange exchange, String json) throws IOException {
        var body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        try (var out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    static String env(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }
}
