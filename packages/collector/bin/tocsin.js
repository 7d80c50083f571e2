#!/usr/bin/env node
import { keepYoungGenerationSmall } from "../dist/young-generation.js";

keepYoungGenerationSmall();
await import("../dist/main.js");
