import Configuration
import Posix

/// Location databases that are opened by a thread of its own, as long as this one has other things to do: to copy 55 MB
/// takes a twentieth of a second.
final class LocationsOpening: @unchecked Sendable {
    // The thread's until it signals, then the taker's.
    private var locations: Locations?
    private let isOpen = Semaphore()

    init(_ settings: Settings) {
        let open: @Sendable () -> Void = { [self] in
            locations = Locations(settings)
            isOpen.signal()
        }
        do throws(SystemError) { try startThread(named: "locations", open) } catch { open() }
    }

    /// Waits until they are open. Once.
    func take() -> Locations? {
        isOpen.wait()
        return locations
    }
}
