export {
  type Journal,
  type JournalCompaction,
  type JournalRecord,
  MemoryJournal,
  readPart,
} from "./journal.js";
