export { FileJournal, type FileJournalOptions, type FileJournalStats } from "./file-journal.js";
