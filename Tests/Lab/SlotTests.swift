import Testing

extension LabTests {
    /// Which connection goes, when one peer has several.
    @Suite struct Slots {
        @Test func `of two connections of a listed peer only the rejected one goes, the other one delivers`() throws {
            let server = try mailServer
            try Daemon.with(followsCourier: true) { daemon in
                let seen = try server.client("two_connections.py", "198.18.7.2", "198.18.7.3")
                #expect(seen["logged_in"].string?.hasPrefix("235") == true)
                #expect(seen["zombie"]["refused"].string?.hasPrefix("511") == true)
                #expect(seen["zombie"]["end"].string == "fin")
                #expect(seen["user"]["delivered"].string?.hasPrefix("250") == true)
                #expect(seen["user"]["quit"].string?.hasPrefix("221") == true)

                try eventually("the last rejection is counted") { try daemon.counter("authenticated") == 1 }
                let shed = try daemon.decisions { $0.contains { $0.kind == "shed" } }.filter { $0.kind == "shed" }
                #expect(shed.map(\.port) == [seen["zombie"]["port"].int])
                #expect(shed.map(\.net) == ["198.18.7.2/32"])

                // Who was seen to log in and deliver is not banned for a listing afterwards, nor shed.
                #expect(seen["roaming"]["delivered"].string?.hasPrefix("250") == true)
                #expect(seen["careless"]["refused"].string?.hasPrefix("511") == true)
                #expect(seen["careless"]["goes_on"].string?.hasPrefix("250") == true)
                #expect(try server.banned()["198.18.7.3/32"] == nil)
                #expect(try server.banned()["198.18.7.2/32"] != nil)
                let why = try daemon.json("why", "198.18.7.3")
                #expect(why["authenticated"].bool == true)
                #expect(why["banned"].bool == false)
            }
        }
    }
}
