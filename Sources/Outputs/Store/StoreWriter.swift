import Events
import Glibc
import Posix

/// Writes records to the database in a thread of its own, so that a slow or hung disk never holds up who posts them.
///
/// Records are gathered and committed together at most every half second: a daemon that is ended with `kill -9` loses
/// less than a second of history. When the database cannot be used the writer goes on without disk, says so in a
/// notice, keeps what it can hold (`Pending`), and tries again every minute.
package final class StoreWriter: Sendable {
    private let mailbox: Mailbox
    package let reader: StoreReader

    /// Prepares the database before it returns, so that `reader` finds it; problems are notices, not errors.
    ///
    /// - Parameter now: the clock for retention and for the names of what is moved aside; called on the writer's thread.
    /// - Throws: only when the process can have no more descriptors or threads.
    package init(_ directory: StateDirectory, now: @escaping @Sendable () -> Instant) throws(SystemError) {
        mailbox = try Mailbox()
        reader = StoreReader(directory)
        let scribe = Scribe(directory, mailbox, now)
        scribe.open()
        try startThread(scribe)
    }

    deinit { _ = mailbox.flush(stopping: true, timeoutMilliseconds: 0) }

    /// Never waits. What happens at the bounds: see `Pending`.
    package func post(_ record: StoreRecord) { mailbox.post(record) }

    /// Waits until everything posted is on disk; false when it is not within `timeout`.
    @discardableResult
    package func flush(timeout: Duration) -> Bool {
        mailbox.flush(stopping: false, timeoutMilliseconds: Int32(clamping: timeout.milliseconds))
    }

    /// Asks for everything posted so far to be written now, and does not wait; a mark for `isSettled`.
    package func hurry() -> Int { mailbox.hurry() }

    /// Whether everything up to the mark is on disk, or was tried in vain.
    package func isSettled(_ mark: Int) -> Bool { mailbox.isSettled(mark) }

    /// Writes what is left and ends the thread; false when the disk did not let it within `timeout`. Last call.
    @discardableResult
    package func close(timeout: Duration) -> Bool {
        mailbox.flush(stopping: true, timeoutMilliseconds: Int32(clamping: timeout.milliseconds))
    }

    /// Readable when `takeNotices` has something: for the event loop.
    package var noticeDescriptor: Int32 { mailbox.noticeSignal.number }
    package func takeNotices() -> [StoreNotice] { mailbox.takeNotices() }
}

/// Hands the scribe to a new thread, which owns it from then on.
private func startThread(_ scribe: Scribe) throws(SystemError) {
    let argument = Unmanaged.passRetained(scribe)
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { argument in
            // Signals are the loop's business.
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            guard let argument else { return nil }
            Unmanaged<Scribe>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, argument.toOpaque())
    guard code == 0 else {
        argument.release()
        throw SystemError("pthread_create", "store writer", code: code)
    }
    pthread_detach(thread)
}
