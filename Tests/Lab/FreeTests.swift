import Foundation
import Testing

extension LabTests {
    /// `scripts/lab/lab free`: real servers, listed clients that stay silent after their 5xx, and breakwater beside them
    /// as on a real host. Seen from outside: by the clients' ears, the kernel, and the server's own log.
    @Suite struct FreeTests {
        @Test(
            "a slot is freed, the next client is served, and nothing else happens",
            arguments: ["postfix", "postscreen", "exim", "sendmail", "opensmtpd", "qpsmtpd", "qmail"])
        func freed(_ kind: String) throws {
            let out = try #require(LabGround.current).directory + "/free-\(kind)"
            defer { try? FileManager.default.removeItem(atPath: out) }
            // As Debian has it, qpsmtpd hangs up after its 550 by itself.
            let options = kind == "qpsmtpd" ? ["--set", "stage=rcpt"] : []
            let done = try Lab.run(
                [
                    labScript, "free", "--mta", kind, "--name", "free-\(kind)", "--connections", "6", "--json", "--bin",
                    programDirectory, "--out", out,
                ] + options, atMost: 400)
            let row = try #require(JSON(parsing: done.output).array.first, "\(done.testDescription)")
            #expect(row["clients"].int == 6 && row["freed"].int == 6, "\(row)")
            #expect(row["untold"].int == 0, "\(row)")
            #expect(
                row["neighbours_delivered"].int == row["neighbours"].int && (row["neighbours"].int ?? 0) > 0, "\(row)")
            #expect(row["neighbours_harmed"].array.isEmpty && row["greetings_failed"].int == 0, "\(row)")
            #expect(row["alive"].bool == true && row["alarms"].int == 0, "\(row)")
            #expect(row["signals"].keys == [], "\(row)")
        }
    }
}
