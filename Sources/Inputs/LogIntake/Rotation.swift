import Glibc
import Posix

/// What happens to the files of a followed log: another one takes the path, one begins anew, one is left.
extension LogFollower {
    /// `tail` is what the path leads to now.
    func adopt(_ tail: Tail) {
        if let index = tails.firstIndex(where: { $0.identity == tail.identity }) {
            // Back again: a link was switched to and fro.
            let known = tails.remove(at: index)
            known.leaveAt = nil
            replaceLast(with: known)
            return
        }
        guard let before = tails.last else {
            begin(tail)
            tails.append(tail)
            return
        }
        readInBetween(before, tail)
        let begin = before.mark.fingerprint
        if begin.length == Fingerprint.longest, tail.begins(like: begin) {
            // An edited copy of the log took its place (sed -i): what was read is not read again.
            tail.begin(at: min(before.lineStart, tail.size))
            tail.watch = watch.watchFile(tail.descriptor)
        } else {
            self.begin(tail)
        }
        replaceLast(with: tail)
    }

    private func replaceLast(with tail: Tail) {
        counters.rotations &+= 1
        for left in tails where left.leaveAt == nil { postpone(left) }
        tails.append(tail)
    }

    private func postpone(_ tail: Tail) { tail.leaveAt = MonotonicClock.nanoseconds() + grace.nanoseconds }

    /// Starts to read and watch a file: at its begin, or where it was left before.
    private func begin(_ tail: Tail) {
        let mark = finished.last { $0.inode == tail.identity.inode && tail.begins(like: $0.fingerprint) }
        tail.begin(at: min(mark?.offset ?? 0, tail.size))
        tail.watch = watch.watchFile(tail.descriptor)
    }

    /// Files that stood at the path between `before` and `tail`: last written not before `before` was, and not read yet.
    private func readInBetween(_ before: Tail, _ tail: Tail) {
        let since = before.status.st_mtim
        for rotated in RotatedFile.beside(logPath) where !(rotated.modified < since) {
            guard let between = try? Tail(opening: rotated.path), between.identity != tail.identity,
                !tails.contains(where: { $0.identity == between.identity }), !isCopyOfFinished(between),
                // A copy of `before`, which then began anew: that shows when `before` is read on.
                !between.isCopy(of: before)
            else { continue }
            begin(between)
            guard between.size > between.offset else {
                watch.forget(between.watch)
                continue
            }
            counters.rotations &+= 1
            postpone(between)
            tails.append(between)
        }
    }

    /// A copy that copytruncate made of what has been read already.
    private func isCopyOfFinished(_ tail: Tail) -> Bool {
        finished.contains { tail.begins(like: $0.fingerprint) && tail.size <= $0.offset }
    }

    /// `tail` is shorter than what was read of it, or begins otherwise. Returns whether a copy with the rest of what it
    /// was is to be read first.
    func handleTruncation(of tail: Tail) -> Bool {
        counters.truncations &+= 1
        let mark = tail.mark
        if tail.begins(like: mark.fingerprint) {
            // The same log, shortened or edited in place.
            countUnfinished(tail)
            tail.begin(at: tail.size)
            return false
        }
        remember(mark)
        defer { tail.beginAnew() }
        if let copy = copy(of: mark), copy.size > mark.offset {
            copy.begin(at: mark.offset)
            copy.watch = watch.watchFile(copy.descriptor)
            postpone(copy)
            tails.insert(copy, at: tails.firstIndex { $0 === tail } ?? 0)
            return true
        }
        countUnfinished(tail)
        return false
    }

    /// A rotated file that begins as the marked one did and is at least as long.
    private func copy(of mark: LogPosition.Mark) -> Tail? {
        for rotated in RotatedFile.beside(logPath).reversed() {
            guard let tail = try? Tail(opening: rotated.path), tail.begins(like: mark.fingerprint),
                tail.size >= mark.offset, !tails.contains(where: { $0.identity == tail.identity })
            else { continue }
            return tail
        }
        return nil
    }

    /// Closes replaced files to which nothing was written for the grace time, and the oldest when there are many.
    /// Called when all files have been read to their ends.
    func leaveIdleFiles() {
        let now = MonotonicClock.nanoseconds()
        for tail in tails.dropLast() where (tail.leaveAt ?? .max) <= now { leave(tail) }
        while tails.count > LogFollower.mostFiles, let oldest = tails.first { leave(oldest) }
    }

    func leave(_ tail: Tail) {
        countUnfinished(tail)
        remember(tail.mark)
        watch.forget(tail.watch)
        tails.removeAll { $0 === tail }
    }

    private func countUnfinished(_ tail: Tail) {
        if tail.splitter.unfinishedBytes > 0 { counters.unfinishedLines &+= 1 }
    }

    private func remember(_ mark: LogPosition.Mark) {
        if finished.count >= LogFollower.mostFinished { finished.removeFirst() }
        finished.append(mark)
    }

    /// The log's own path, behind symbolic links: rotated files stand there.
    private var logPath: String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Open files between two calls; in the middle of a storm of rotations there may be some more.
    private static let mostFiles = 9
    private static let mostFinished = 32
}

// MARK: - Going on after a restart

extension LogFollower {
    /// Opens the files of `position` that can be found, by inode and begin or, where a file was copied, by its begin
    /// alone, and then what the path leads to. Without any of them the present file is read whole: it is another one.
    func resume(at position: LogPosition) {
        watch.watchDirectories(to: path)
        let candidates = [path] + RotatedFile.beside(logPath).reversed().map(\.path)
        for mark in position.marks {
            guard
                let tail = find(mark, among: candidates, sameFile: true)
                    ?? find(mark, among: candidates, sameFile: false)
            else { continue }
            tail.begin(at: min(mark.offset, tail.size))
            tail.watch = watch.watchFile(tail.descriptor)
            postpone(tail)
            tails.append(tail)
        }
        var status = stat()
        if stat(path, &status) == 0, let index = tails.firstIndex(where: { $0.identity == Tail.Identity(status) }) {
            let present = tails.remove(at: index)
            present.leaveAt = nil
            tails.append(present)
        }
    }

    private func find(_ mark: LogPosition.Mark, among candidates: [String], sameFile: Bool) -> Tail? {
        for candidate in candidates {
            guard let tail = try? Tail(opening: candidate), !tails.contains(where: { $0.identity == tail.identity })
            else { continue }
            if sameFile {
                let isSame = mark.fingerprint.length == 0 || tail.begins(like: mark.fingerprint)
                if tail.identity.inode == mark.inode, isSame { return tail }
            } else if tail.begins(like: mark.fingerprint), tail.size >= mark.offset {
                return tail
            }
        }
        return nil
    }
}
