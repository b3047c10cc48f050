import Events
import Posix

/// What the writer's thread does: owned by the thread that opened it, then handed to the writer's, never shared.
final class Scribe {
    private let directory: StateDirectory
    private let mailbox: Mailbox
    private let now: @Sendable () -> Instant
    private var database: Database?
    private var identity: [UInt64]?
    /// Taken out of the mailbox and not yet on disk.
    private var pending = Pending()
    private var mark = 0
    /// Whether the lack of a disk has been told.
    private var isWithoutDisk = false
    private var mayReplace = true

    /// On the monotonic clock, in nanoseconds.
    private var lastWrite: Int64 = 0
    private var nextChore: Int64 = 0
    private var nextTry: Int64 = 0

    private static let gather: Int64 = 500_000_000
    private static let betweenSteps: Int64 = 20_000_000
    private static let betweenChores: Int64 = 60_000_000_000
    private static let betweenTries: Int64 = 60_000_000_000

    init(_ directory: StateDirectory, _ mailbox: Mailbox, _ now: @escaping @Sendable () -> Instant) {
        self.directory = directory
        self.mailbox = mailbox
        self.now = now
    }

    /// Runs until `close` was asked for.
    func run() {
        var isStopping = false
        while !isStopping {
            var isUrgent = mailbox.waitForWork(milliseconds: millisecondsToNextChore)
            if !isUrgent, mailbox.hasWork {
                isUrgent = mailbox.waitForWork(milliseconds: milliseconds(until: lastWrite + Scribe.gather))
            }
            let taken = mailbox.take()
            isStopping = taken.isStopping
            pending.add(taken.pending)
            mark = taken.mark
            if isUrgent { nextTry = 0 }
            tellDropped()
            noticeReplacement()
            if database == nil, MonotonicClock.nanoseconds() >= nextTry { open() }
            let isWritten = write()
            mailbox.noteTried(isWritten ? mark : nil)
            if !isStopping { doChores() }
        }
        database = nil
        mailbox.noteEnd()
    }

    // MARK: Opening

    /// Opens the database or goes without; never throws, for the daemon protects either way.
    func open() {
        do throws(StoreError) {
            adopt(try Opening.open(directory))
        } catch {
            if case .moveAside = error.remedy { replace(because: error) } else { goWithoutDisk(because: error) }
        }
        // What was carried over from a broken one is there before the first question.
        if database != nil, pending.count > 0 { _ = write() }
    }

    /// Moves the database aside and begins a new one with what could be read of the old.
    private func replace(because cause: StoreError) {
        database = nil
        do throws(StoreError) {
            let (name, rest) = try Opening.moveAside(directory, at: now())
            var older = rest
            older.add(pending)
            pending = older
            mailbox.tell(.movedAside(to: name, why: cause.description, carriedOver: rest.count))
            adopt(try Opening.open(directory))
        } catch {
            goWithoutDisk(because: error)
        }
    }

    /// Deleted or replaced under us, what is written to the open file would be seen by nobody.
    private func noticeReplacement() {
        guard database != nil, directory.databaseIdentity != identity else { return }
        database = nil
        nextTry = 0
        mailbox.tell(.beganAfresh)
    }

    private func adopt(_ opened: Database) {
        database = opened
        identity = directory.databaseIdentity
    }

    private func goWithoutDisk(because error: StoreError) {
        database = nil
        nextTry = MonotonicClock.nanoseconds() + Scribe.betweenTries
        if !isWithoutDisk { mailbox.tell(.withoutDisk(why: error.description)) }
        isWithoutDisk = true
    }

    // MARK: Writing

    /// True when nothing is left to write.
    private func write() -> Bool {
        guard let database else { return false }
        do throws(StoreError) {
            if pending.count > 0 {
                lastWrite = MonotonicClock.nanoseconds()
                try database.transaction { () throws(StoreError) in try database.write(pending) }
                pending = Pending()
            }
        } catch {
            return recover(from: error)
        }
        mayReplace = true
        if isWithoutDisk { mailbox.tell(.diskAgain) }
        isWithoutDisk = false
        return true
    }

    /// After a failure: begins a new database where that can help, else waits for better times.
    private func recover(from error: StoreError) -> Bool {
        switch error.remedy {
        case .dropRecords:
            mailbox.tell(.dropped(records: pending.count, why: error.description))
            pending = Pending()
            return true
        case .moveAside where mayReplace:
            // Once, until a write succeeds: a disk that spoils every file must not be filled with spoilt files.
            mayReplace = false
            replace(because: error)
            return write()
        case .moveAside, .tryLater, .leaveAlone:
            goWithoutDisk(because: error)
            return false
        }
    }

    private func tellDropped() {
        let dropped = pending.takeDropped()
        if dropped > 0 { mailbox.tell(.dropped(records: dropped, why: "the disk is too slow or away")) }
    }

    // MARK: Chores

    private func doChores() {
        guard MonotonicClock.nanoseconds() >= nextChore else { return }
        nextChore = MonotonicClock.nanoseconds() + Scribe.betweenChores
        guard let database else { return }
        do throws(StoreError) {
            if try Retention.step(database, at: now()) {
                nextChore = MonotonicClock.nanoseconds() + Scribe.betweenSteps
            }
        } catch {
            _ = recover(from: error)
        }
    }

    private var millisecondsToNextChore: Int32 {
        milliseconds(until: database == nil ? max(nextTry, nextChore) : nextChore)
    }

    private func milliseconds(until deadline: Int64) -> Int32 {
        Int32(clamping: max(0, (deadline - MonotonicClock.nanoseconds() + 999_999) / 1_000_000))
    }
}
