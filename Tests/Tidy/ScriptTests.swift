import Foundation
import Testing

/// What the scripts do where the lab and a build are not needed to see it.
@Suite struct ScriptTests {
    private static func bash(_ script: String) throws -> Repository.Outcome {
        try #require(Repository.run("/bin/bash", ["-c", script]))
    }

    /// A fresh host lacks libraries that the toolchain is linked with; then `swift --version` ends with 127.
    @Test func `a toolchain that does not start is passed over, or said`() throws {
        let outcome = try Self.bash(
            """
            folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
            printf '#!/bin/sh\\necho "no such library" >&2; exit 127\\n' >"$folder/swift"; chmod +x "$folder/swift"
            PATH="$folder:$PATH"
            . scripts/prepare
            need_packages() { :; }
            find_swift
            swift --version
            """)
        #expect(outcome.output.contains(outcome.status == 0 ? "Swift version" : "no such library"), "\(outcome)")
    }

    @Test(arguments: ["run", "test", "install"])
    func `sh in place of bash will do`(name: String) throws {
        let outcome = try Self.bash(
            """
            folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
            printf '#!/bin/sh\necho 1000\n' >"$folder/id"; chmod +x "$folder/id"
            PATH="$folder:$PATH" sh scripts/\(name)
            """)
        #expect(outcome.status == 77 && outcome.output == "\(name): needs root: sudo scripts/\(name)\n", "\(outcome)")
    }

    @Test func `run builds nothing for an argument that it does not know`() throws {
        let outcome = try #require(Repository.run("scripts/run", ["--help"]))
        #expect(outcome.status == 64 && outcome.output.contains("usage: scripts/run"), "\(outcome)")
    }

    /// Whoever changes the tables or the projection writes the file again.
    @Test(.enabled(if: Repository.find("python3") != nil, "python3 is not installed"))
    func `the map's outlines are those that world-map draws`() throws {
        let outcome = try #require(Repository.run("scripts/world-map", []))
        #expect(outcome.status == 0)
        #expect(try outcome.output == Repository.text("Sources/Logic/Pictures/WorldOutlines.swift"))
    }

    /// The unit starts the program where it was installed.
    @Test func `the unit follows the prefix`() throws {
        let outcome = try Self.bash(
            """
            folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
            mkdir -p "$folder/.build/release"; cp -r scripts etc docs "$folder"
            for program in breakwater breakwaterd; do cp /bin/true "$folder/.build/release/$program"; done
            DESTDIR=$folder/target prefix=/usr/local "$folder/scripts/install" || exit
            grep ^ExecStart= "$folder/target/lib/systemd/system/breakwater.service"
            test -x "$folder/target/usr/local/sbin/breakwaterd"
            """)
        #expect(outcome.status == 0 && outcome.output == "ExecStart=/usr/local/sbin/breakwaterd\n", "\(outcome)")
    }

    /// A mail server that got the programs from elsewhere has no binutils.
    @Test func `install needs no strip`() throws {
        let outcome = try Self.bash(
            """
            folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
            mkdir -p "$folder/.build/release" "$folder/bin"; cp -r scripts etc docs "$folder"
            for program in breakwater breakwaterd; do cp /bin/true "$folder/.build/release/$program"; done
            for tool in bash basename dirname id install sed; do ln -s "$(command -v $tool)" "$folder/bin/"; done
            PATH=$folder/bin DESTDIR=$folder/target "$(command -v bash)" "$folder/scripts/install" || exit
            test -x "$folder/target/usr/sbin/breakwaterd"
            """)
        #expect(outcome.status == 0, "\(outcome)")
    }
}
