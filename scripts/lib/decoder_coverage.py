"""Prints the line coverage of each decoder's file from `llvm-cov export -summary-only`, and fails below 90 %."""

import json
import sys

LEAST = 90.0
# The files that hold the decoders; each file's encoder is in it too, and the harness runs both ways. Without those in which
# much is neither (the records of edges, tweets and users).
DECODERS = [
    "Wire/RESP/RESPCommandDecoder.swift", "Wire/RESP/InlineWords.swift", "Wire/Frames/Frame.swift",
    "Wire/Frames/Handshake.swift", "Client/ReplyDecoder.swift", "Log/Format/BatchFormat.swift",
    "Log/SegmentRecovery.swift", "Model/Codec/BinaryReader.swift", "Model/Commands/Command.swift",
    "Model/Commands/LogEntry.swift", "Model/Commands/UserCommands.swift", "Model/Commands/FollowCommands.swift",
    "Model/Commands/TweetCommands.swift", "Model/Mail/Letter.swift", "Model/Mail/MailMessageCoding.swift",
    "Model/Queries/QueryCoding.swift", "Model/Queries/Cursor.swift", "Model/Lists/PackedList.swift",
    "Model/Lists/SortedListMerge.swift", "Model/Lists/SortedList.swift", "Messages/NodeRequest.swift", "Messages/CoordinatorRequest.swift",
    "Placement/PartitionMap.swift", "Settings/SettingsReader.swift", "Settings/Endpoint.swift",
    "BulkLoad/LoadLine.swift", "Replication/ReplicaMessage.swift", "Replication/LeaseMessages.swift",
    "Replication/ReplicatedEntry.swift", "Router/Commands/Arguments.swift", "Router/Commands/PageOptions.swift",
    "Router/Commands/UserCommands.swift", "Router/Commands/FollowCommands.swift", "Router/Commands/TweetCommands.swift",
    "Router/Commands/TimelineCommands.swift", "Router/Commands/CopyCommands.swift", "Router/Commands/ClientCommand.swift",
    "Router/Commands/ConnectionCommands.swift", "Partitions/Storage/StoreCheck.swift",
    "Model/Queries/Dump.swift", "Model/Queries/Views.swift", "Model/Queries/Query.swift", "Placement/Member.swift",
    "Placement/MapRecollection.swift", "Model/Rules/Refusal.swift", "Partitions/Mail/Inbox.swift", "Partitions/Mail/Outbox.swift",
    "Partitions/Records/IdempotencyRecord.swift", "Partitions/Records/NameRecord.swift", "Partitions/Records/PartitionMeta.swift",
]

files = {entry["filename"]: entry["summary"]["lines"] for entry in json.load(sys.stdin)["data"][0]["files"]}
below = 0
for name in DECODERS:
    lines = next((lines for path, lines in files.items() if path.endswith(name)), None)
    percent = lines["percent"] if lines else 0.0
    below += percent < LEAST
    print(f"{percent:6.1f} %  {name}" + ("  BELOW" if percent < LEAST else ""))
sys.exit(1 if below else 0)
