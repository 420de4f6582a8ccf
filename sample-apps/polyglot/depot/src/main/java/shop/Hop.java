package shop;

import java.util.Locale;

/** This service's entry in the path of an answer. */
record Hop(String job, double ms) {
    static Hop of(String job, long startedNanos) {
        return new Hop(job, (System.nanoTime() - startedNanos) / 1e6);
    }

    String json() {
        return String.format(
                Locale.ROOT,
                """
                {"service": "%s", "version": "%s", "instance": "%s", "language": "Java %s", "job": "%s", "ms": %.1f}""",
                Depot.env("SANDBOX_SERVICE", "depot"),
                Depot.env("SANDBOX_VERSION", "v1"),
                Depot.env("SANDBOX_INSTANCE", "depot-alone"),
                Runtime.version().feature(),
                job,
                ms);
    }
}
