import CLinux
import Glibc

/// A failed system call: which, on what, and errno by name.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    package let call: String
    package let subject: String
    package let code: Int32

    package init(_ call: String, _ subject: String = "", code: Int32 = errno) {
        self.call = call
        self.subject = subject
        self.code = code
    }

    package var description: String {
        "\(call)\(subject.isEmpty ? "" : " " + subject): \(errnoText(code))"
    }
}

/// `ENOENT: No such file or directory`.
package func errnoText(_ code: Int32) -> String {
    let name = bw_errno_name(code).map { String(cString: $0) } ?? "errno \(code)"
    guard let text = strerror(code) else { return name }
    return "\(name): \(String(cString: text))"
}
