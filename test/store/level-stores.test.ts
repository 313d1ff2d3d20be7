import { storeContract } from './contract.ts'
import { levelPlace } from './level-place.ts'

storeContract('LevelDB', levelPlace)
