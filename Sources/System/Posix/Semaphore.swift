import Glibc

/// A count that one thread raises and another waits for (sem_overview(7)).
package final class Semaphore: @unchecked Sendable {
    // A semaphore must not move, so it has memory of its own; every thread may use it at once.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    package init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    package func signal() { sem_post(semaphore) }

    /// Waits until it has been raised once more than was waited for.
    package func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }
}
