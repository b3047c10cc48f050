import Foundation
import Testing

extension LabTests {
    /// `scripts/lab/lab free`: real servers of every kind, each in a tree and a network of its own, listed clients that stay
    /// silent after their 5xx, and breakwater beside them as on a host. Seen from outside: by the clients' ears, the
    /// kernel, and the server's own log.
    @Suite struct EveryServerTests {
        /// qpsmtpd hangs up by itself as Debian has it, so there is something to free only when it rejects at RCPT.
        @Test(arguments: [
            ("courier", ["--tarpit", "0"]), ("postfix", []), ("postscreen", []), ("exim", []), ("sendmail", []),
            ("opensmtpd", []), ("qpsmtpd", ["--set", "stage=rcpt"]), ("qmail", []),
        ])
        func `a slot is freed, the next client is served, and nothing else happens`(kind: String, more: [String]) throws
        {
            let found = try free(kind, more + ["--connections", "12", "--bin", programDirectory])
            #expect(found["clients"].int == 12)
            #expect(found["freed"].int == 12, "\(found["failures"])")
            #expect(found["untold"].int == 0, "ended before its 5xx: \(found["untold_clients"])")
            #expect((found["neighbours"].int ?? 0) > 0)
            #expect(found["neighbours_delivered"].int == found["neighbours"].int, "\(found["neighbours_harmed"])")
            #expect(found["greetings_failed"].int == 0)
            #expect(found["alarms"].int == 0, "\(found["alarm_lines"])")
            // SIGTERM, and to Courier's slots only; in a container nothing is seen of signals.
            #expect(found["signals"].keys.isSubset(of: kind == "courier" ? ["15"] : []), "\(found["signals"])")
            #expect(found["alive"].bool == true)
            // A full server: postscreen is never full of strangers, it hands on whom it knows.
            // On a busy machine a client of Exim's, which says 421 to him, gives up in one round of ten now and then.
            let (served, rounds) = (found["when_full"]["served"].int ?? 0, found["when_full"]["rounds"].int ?? 0)
            #expect(served >= min(rounds, max(1, rounds - 1)), "\(found["when_full"])")
            #expect(kind == "postscreen" || rounds > 0)
        }

        /// What the test above would look like if breakwater did what a naive guard does: SIGTERM to the line's pid.
        @Test func `a guard that signals Postfix is seen to harm it`() throws {
            let guardScript = """
                term=tail -n0 -F {log} | while read -r line; do case $line in
                *"reject: RCPT"*) pid=${line#*smtpd[}; kill -TERM "${pid%%]*}";; esac; done
                """
            let found = try free("postfix", ["--short", "--connections", "5", "--guard", guardScript])
            #expect((found["alarms"].int ?? 0) > 0)
        }

        private func free(_ kind: String, _ words: [String]) throws -> JSON {
            let out = try #require(LabGround.current).directory + "/free-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: out) }
            let done = try Lab.run([labScript, "free", "--mta", kind, "--json", "--out", out] + words, atMost: 900)
            try #require(done.code == 0, "\(done.testDescription)")
            return try #require(JSON(parsing: done.output).array.first)
        }
    }
}
