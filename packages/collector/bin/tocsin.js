#!/usr/bin/env node
import { keepHeapSmall } from "../dist/heap-policy.js";

keepHeapSmall();
await import("../dist/main.js");
