import Events
import Glibc

/// The date as date(1) writes it in the C locale, in the zone of `TZ` or /etc/localtime:
/// `Tue Jul 28 14:42:42 CEST 2009`.
package func localDate(_ instant: Instant) -> String {
    var seconds = time_t(instant.seconds)
    var parts = tm()
    // localtime_r need not look at TZ by itself.
    tzset()
    guard localtime_r(&seconds, &parts) != nil else { return instant.rfc3339 }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let base = buffer.baseAddress else { return instant.rfc3339 }
        // The program never calls setlocale, so this is the C locale's form.
        let count = strftime(base, buffer.count, "%a %b %e %H:%M:%S %Z %Y", &parts)
        return count == 0
            ? instant.rfc3339
            : String(decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]), as: UTF8.self)
    }
}
