import Events

/// How far a log has been read, in a form that outlives the process: for each file still open (the present one last,
/// before it those rotated away a moment ago) its inode, what it begins with, and the end of the last line handed over.
///
/// Device numbers are left out: they may change with every boot.
package struct LogPosition: Equatable, Sendable {
    package struct Mark: Equatable, Sendable {
        package var inode: UInt64
        package var offset: Int64
        package var fingerprint: Fingerprint
    }

    package var marks: [Mark]

    package init(marks: [Mark]) { self.marks = marks }
}

/// How a file begins: tells a file that grew from another one that got its inode or its name.
package struct Fingerprint: Equatable, Sendable {
    /// How many of the first bytes count, at most `longest`: as many as the file had.
    package var length: Int
    /// FNV-1a, 64 bits, of those bytes.
    package var hash: UInt64

    package static let longest = 1024

    package init(length: Int, hash: UInt64) {
        self.length = length
        self.hash = hash
    }

    package init(_ head: some Collection<UInt8>) {
        length = head.count
        hash = head.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

extension LogPosition {
    /// `position file=INODE:OFFSET:LENGTH:HASH ...`, the oldest file first.
    package var record: Record {
        Record(
            "position",
            marks.map { mark in
                let hash = String(mark.fingerprint.hash, radix: 16)
                return ("file", "\(mark.inode):\(mark.offset):\(mark.fingerprint.length):\(hash)")
            })
    }

    /// `nil` for a record of another kind or a mark that is none; what was stored may have been damaged.
    package init?(_ record: Record) {
        guard record.word == "position", record.fields.count <= LogPosition.mostMarks else { return nil }
        var marks: [Mark] = []
        for field in record.fields where field.key == "file" {
            let parts = field.value.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 4, let inode = UInt64(parts[0]), let offset = Int64(parts[1]), offset >= 0,
                let length = Int(parts[2]), (0...Fingerprint.longest).contains(length),
                let hash = UInt64(parts[3], radix: 16)
            else { return nil }
            marks.append(Mark(inode: inode, offset: offset, fingerprint: Fingerprint(length: length, hash: hash)))
        }
        self.init(marks: marks)
    }

    /// More files than a follower ever has open.
    private static let mostMarks = 64
}
