package shop;

import java.time.DayOfWeek;
import java.time.LocalDate;
import java.util.Set;
import java.util.stream.IntStream;

/** The weekdays on which a van leaves. */
record Timetable(Set<DayOfWeek> days) {
    Timetable(DayOfWeek... days) {
        this(Set.of(days));
    }

    /** From 1: the van of the day itself has left. */
    int daysUntilNext(LocalDate day) {
        return IntStream.rangeClosed(1, 7)
                .filter(days -> this.days.contains(day.plusDays(days).getDayOfWeek()))
                .findFirst()
                .orElseThrow();
    }
}
